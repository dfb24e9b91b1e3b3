package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.lang.module.Configuration;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The stack as modules: everything resolves, and a cache opens without the class path. */
class ModulePathTest {
    private static final String API = "io.lmcache.api";
    private static final String CORE = "io.lmcache.core";

    @Test
    void everyModuleResolves() throws Exception {
        assertThat(configuration().modules())
                .extracting(module -> module.name())
                .contains(
                        API,
                        CORE,
                        "io.lmcache.backend.cpu",
                        "io.lmcache.backend.posix",
                        "io.lmcache.backend.gds",
                        "io.lmcache.backend.redis",
                        "io.lmcache.backend.s3",
                        "io.lmcache.chunkfiles",
                        "io.lmcache.cuda",
                        "io.lmcache.server",
                        "io.lmcache.cli");
    }

    /** How a stack is made, and what surrounds its tiers, is its own business. */
    @Test
    void coreExportsWhatEmbeddersUse() throws Exception {
        assertThat(configuration()
                        .findModule(CORE)
                        .orElseThrow()
                        .reference()
                        .descriptor()
                        .exports())
                .extracting(ModuleDescriptor.Exports::source)
                .containsExactlyInAnyOrder(
                        CORE,
                        CORE + ".backend",
                        CORE + ".config",
                        CORE + ".diagnosis",
                        CORE + ".engine",
                        CORE + ".hash",
                        CORE + ".metrics");
    }

    @Test
    @SuppressWarnings("restricted") // What --enable-native-access=io.lmcache.api does on a command line.
    void aCacheOpensOnTheModulePath() throws Exception {
        ModuleLayer.Controller controller = ModuleLayer.defineModulesWithOneLoader(
                configuration(), List.of(ModuleLayer.boot()), ClassLoader.getPlatformClassLoader());
        ModuleLayer layer = controller.layer();
        controller.enableNativeAccess(layer.findModule(API).orElseThrow());
        ClassLoader loader = layer.findLoader(CORE);
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(loader);
        try (AutoCloseable engine = open(loader)) {
            assertThat(engine.getClass().getModule().getName()).isEqualTo(CORE);
            assertThat(engine.getClass().getMethod("tiers").invoke(engine)).isEqualTo(List.of("cpu"));
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    private static AutoCloseable open(ClassLoader loader) throws ReflectiveOperationException {
        Class<?> config = loader.loadClass("io.lmcache.core.config.LmcacheConfig");
        Object settings = config.getMethod("of", Map.class).invoke(null, Map.of("max_local_cpu_size", "16 MiB"));
        return (AutoCloseable) loader.loadClass("io.lmcache.core.Lmcache")
                .getMethod("open", config)
                .invoke(null, settings);
    }

    /** This module's, and what it borrows from those of others. */
    private static boolean isOfTests(Path entry) {
        String name = entry.getFileName().toString();
        return name.equals("test-classes") || name.endsWith("-tests.jar");
    }

    private static Configuration configuration() throws Exception {
        Path[] path = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(entry -> Path.of(entry).toAbsolutePath())
                .filter(entry -> !isOfTests(entry))
                .toArray(Path[]::new);
        return ModuleLayer.boot()
                .configuration()
                .resolveAndBind(
                        ModuleFinder.of(path), ModuleFinder.of(), Set.of("io.lmcache.cli", "io.lmcache.server"));
    }
}
