package io.lmcache.backend.redis;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import org.jspecify.annotations.Nullable;

/**
 * The names of chunks in the store: prefix, chunk hash, digest of the scope. They tell no model and no tenant. Thread-safe.
 */
final class ChunkNames {
    private record Digested(KeyScope scope, String digest) {}

    private final String prefix;
    /** Keys of one prompt share their scope. */
    private volatile @Nullable Digested last;

    ChunkNames(String prefix) {
        this.prefix = prefix;
    }

    String of(ChunkKey key) {
        return prefix + ":" + key.hash().hex() + "-" + digest(key.scope());
    }

    /** What all names match, as {@code SCAN} wants it. */
    String pattern() {
        return prefix.replaceAll("[\\\\*?\\[\\]]", "\\\\$0") + ":*-*";
    }

    private String digest(KeyScope scope) {
        Digested known = last;
        if (known == null || !known.scope().equals(scope)) {
            known = new Digested(scope, scope.digest());
            last = known;
        }
        return known.digest();
    }
}
