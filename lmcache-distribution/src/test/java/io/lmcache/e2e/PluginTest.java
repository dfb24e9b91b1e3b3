package io.lmcache.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A third party's backend in the stack, found through the class loader of the thread as in an application server. */
class PluginTest {
    private static final int[] PROMPT = TestEngine.prompt(300);
    private static final Map<String, ?> SETTINGS = Map.of("capacity_bytes", 2 << 20);

    @TempDir
    private Path directory;

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();
    private URLClassLoader loader = new URLClassLoader(new URL[0]);

    @BeforeEach
    void addTheJar() throws Exception {
        Path jar = directory.resolve("scratch.jar");
        Jars.writePlugin(jar);
        loader = new URLClassLoader(new URL[] {jar.toUri().toURL()}, before);
        Thread.currentThread().setContextClassLoader(loader);
    }

    @AfterEach
    void removeTheJar() throws Exception {
        Thread.currentThread().setContextClassLoader(before);
        loader.close();
    }

    @Test
    void itStandsBelowTheBuiltInTiersAndServes() {
        Map<String, ?> settings =
                Map.of("max_local_cpu_size", "16 MiB", "storage_plugins", "scratch", "scratch", SETTINGS);
        try (LmcacheStack stack = Lmcache.open(LmcacheConfig.of(settings))) {
            assertThat(stack.tiers()).containsExactly("cpu", "scratch");
            assertThat(TestEngine.store(stack, PROMPT)).isEqualTo(Map.of("cpu", 300, "scratch", 300));
        }
    }

    @Test
    void itServesAlone() {
        Map<String, ?> settings = Map.of("local_cpu", false, "storage_plugins", "scratch");
        try (LmcacheStack stack = Lmcache.open(LmcacheConfig.of(settings))) {
            TestEngine.store(stack, PROMPT);
            assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("scratch", 300));
        }
    }

    @Test
    void itsSettingsReachItFromTheTopLevelAndFromExtraConfig() {
        assertThat(capacityWith(Map.of("scratch", SETTINGS))).isEqualTo(2 << 20);
        assertThat(capacityWith(Map.of("extra_config", Map.of("scratch", SETTINGS))))
                .isEqualTo(2 << 20);
    }

    private static long capacityWith(Map<String, ?> own) {
        Map<String, Object> settings = new HashMap<>(own);
        settings.put("local_cpu", false);
        settings.put("storage_plugins", "scratch");
        try (LmcacheStack stack = Lmcache.open(LmcacheConfig.of(settings))) {
            return requireNonNull(stack.stats().tiers().get("scratch")).limitBytes();
        }
    }
}
