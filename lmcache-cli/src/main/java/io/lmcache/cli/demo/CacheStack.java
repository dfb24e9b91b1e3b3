package io.lmcache.cli.demo;

import io.lmcache.core.Lmcache;
import io.lmcache.core.engine.LmcacheStack;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/** Which tiers the demo runs on: those of the configuration when there is one, else host memory over a directory. */
final class CacheStack {
    private static final String HOST_TIER_SIZE = "512 MiB";

    /** Read by the launcher, no settings of the cache. */
    private static final Set<String> LAUNCHER_VARIABLES = Set.of("LMCACHE_PLUGIN_PATH", "LMCACHE_JAVA_OPTS");

    /** Begins the variables of the vLLM connector. */
    private static final String CONNECTOR_PREFIX = "LMCACHE_JVM_";

    private CacheStack() {}

    /** Whether the environment configures the cache. */
    static boolean isConfigured(Map<String, String> environment) {
        return environment.keySet().stream()
                .filter(name -> name.startsWith("LMCACHE_") && !name.startsWith(CONNECTOR_PREFIX))
                .anyMatch(name -> !LAUNCHER_VARIABLES.contains(name));
    }

    static LmcacheStack openConfigured() {
        return Lmcache.open();
    }

    static LmcacheStack openAt(Path directory) {
        return LmcacheStack.builder()
                .tier("cpu", Map.of("max_local_cpu_size", HOST_TIER_SIZE))
                .tier("posix", Map.of("gds_path", directory))
                .build();
    }
}
