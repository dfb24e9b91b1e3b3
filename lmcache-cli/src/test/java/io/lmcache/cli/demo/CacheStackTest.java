package io.lmcache.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class CacheStackTest {
    @Test
    void anyVariableOfTheCacheIsAConfiguration() {
        assertThat(CacheStack.isConfigured(Map.of("LMCACHE_CONFIG_FILE", "/x"))).isTrue();
        assertThat(CacheStack.isConfigured(Map.of("PATH", "/bin", "LMCACHE_CHUNK_SIZE", "16")))
                .isTrue();
    }

    @Test
    void theConnectorsVariablesAreNone() {
        assertThat(CacheStack.isConfigured(Map.of("LMCACHE_JVM_HOME", "/opt/lmcache")))
                .isFalse();
    }

    @Test
    void theLaunchersVariablesAreNone() {
        assertThat(CacheStack.isConfigured(
                        Map.of("PATH", "/bin", "LMCACHE_PLUGIN_PATH", "/x", "LMCACHE_JAVA_OPTS", "-Xmx1g")))
                .isFalse();
    }
}
