package io.lmcache.backend.s3;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The names of chunks in the bucket: prefix, chunk hash, digest of the scope. They tell no model and no tenant, and begin with
 * what differs most, as a store that spreads names by their beginning wants it. Thread-safe.
 */
final class ChunkNames {
    private static final String SUFFIX = ".safetensors";
    private static final Pattern NAME = Pattern.compile("[0-9a-f]+-[0-9a-f]+\\.safetensors");

    private record Digested(KeyScope scope, String digest) {}

    private final String prefix;
    /** Keys of one prompt share their scope. */
    private volatile @Nullable Digested last;

    /** Names that start with that prefix, which is empty or ends with a slash. */
    ChunkNames(String prefix) {
        this.prefix = prefix;
    }

    String prefix() {
        return prefix;
    }

    String of(ChunkKey key) {
        return prefix + key.hash().hex() + "-" + digest(key.scope()) + SUFFIX;
    }

    /** Whether a name in the bucket is that of a chunk. */
    boolean isChunk(String name) {
        return name.startsWith(prefix)
                && NAME.matcher(name.substring(prefix.length())).matches();
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
