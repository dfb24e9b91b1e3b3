package io.lmcache.chunkfiles.format;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import java.util.Collections;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of LMCache 0.3.1 and 0.3.2: {@code vllm@<model>@<world size>@<rank>@<hash in hex>}, with {@code _} in place of
 * every {@code /}. A layer of its own has {@code @<layer>} behind that. Stateless and thread-safe.
 */
final class Lmcache032Names implements LmcacheNames {
    private static final Pattern NAME =
            Pattern.compile("vllm@([^@]+)@([1-9][0-9]{0,8})@(0|[1-9][0-9]{0,8})@([0-9a-f]+)(?:@([0-9]{1,9}))?");

    @Override
    public Optional<String> objectionTo(KeyScope scope) {
        if (scope.model().contains("_")) {
            return Optional.of(
                    "LMCache 0.3.2 cannot read a file of a model with '_' in its name, since it writes '/' as"
                            + " '_'; use file_format lmcache_0_5 or native");
        }
        if (scope.model().contains("@")) {
            return Optional.of("LMCache parts names at '@', and the model has one");
        }
        if (!scope.tags().isEmpty()) {
            return Optional.of("LMCache 0.3.2 has no tags; use file_format lmcache_0_5 or native");
        }
        return Optional.empty();
    }

    @Override
    public ScopeName of(KeyScope scope) {
        return new ScopeName(
                "vllm@" + scope.model().replace('/', '_') + "@" + scope.worldSize() + "@" + scope.rank() + "@", "");
    }

    @Override
    public String inName(ChunkHash hash) {
        return hash.hex();
    }

    @Override
    public String inDirectories(ChunkHash hash) {
        return hash.hex();
    }

    @Override
    public Optional<LmcacheName> parse(String name) {
        Matcher matcher = NAME.matcher(name);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        try {
            return Optional.of(new LmcacheName(
                    matcher.group(1).replace('_', '/'),
                    Integer.parseInt(matcher.group(2)),
                    Integer.parseInt(matcher.group(3)),
                    ChunkHash.ofHex(matcher.group(4)),
                    Optional.empty(),
                    matcher.group(5) == null ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(matcher.group(5))),
                    Collections.emptySortedMap()));
        } catch (LmcacheException e) {
            // Hex, but of no hash's length.
            return Optional.empty();
        }
    }
}
