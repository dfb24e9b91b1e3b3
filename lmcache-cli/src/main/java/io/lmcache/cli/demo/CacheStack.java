package io.lmcache.cli.demo;

import io.lmcache.core.engine.LmcacheStack;
import java.nio.file.Path;
import java.util.Map;

/** The tiers that the demo runs on where there is no configuration: host memory over a directory. */
final class CacheStack {
    private static final String HOST_TIER_SIZE = "512 MiB";

    private CacheStack() {}

    static LmcacheStack openAt(Path directory) {
        return LmcacheStack.builder()
                .tier("cpu", Map.of("max_local_cpu_size", HOST_TIER_SIZE))
                .tier("posix", Map.of("gds_path", directory))
                .build();
    }
}
