package io.lmcache.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
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
    void theLaunchersVariablesAreNone() {
        assertThat(CacheStack.isConfigured(
                        Map.of("PATH", "/bin", "LMCACHE_PLUGIN_PATH", "/x", "LMCACHE_JAVA_OPTS", "-Xmx1g")))
                .isFalse();
    }

    @Test
    void aTemporaryDirectoryIsGoneWithItsContent() throws Exception {
        Path path;
        try (TemporaryDirectory directory = new TemporaryDirectory()) {
            path = directory.path();
            Files.writeString(Files.createDirectories(path.resolve("a/b")).resolve("c"), "x");
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void aTemporaryDirectoryThatIsGoneAlreadyIsNoTrouble() throws Exception {
        try (TemporaryDirectory directory = new TemporaryDirectory()) {
            Files.delete(directory.path());
        }
    }
}
