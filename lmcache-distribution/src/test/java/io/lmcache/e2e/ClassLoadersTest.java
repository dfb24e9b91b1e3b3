package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ForkJoinPool;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library in a class loader of its own, as containers have it, and with a part of its jars. */
class ClassLoadersTest {
    @TempDir
    private Path directory;

    @Test
    void backendsAreFoundFromAThreadOfTheCommonPoolInAContainer() throws Exception {
        try (URLClassLoader container = container(_ -> true)) {
            List<?> tiers = CompletableFuture.supplyAsync(() -> tiersOf(container), ForkJoinPool.commonPool())
                    .get();
            assertThat(tiers).isEqualTo(List.of("cpu", "posix"));
        }
    }

    @Test
    void backendsAreFoundWhereTheThreadsClassLoaderKnowsNone() throws Exception {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(ClassLoader.getPlatformClassLoader());
        try (URLClassLoader container = container(_ -> true)) {
            assertThat(tiersOf(container)).isEqualTo(List.of("cpu", "posix"));
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    @Test
    void whoLeavesTheGpuTierOutGetsPosixForTheirPath() throws Exception {
        try (URLClassLoader container =
                container(entry -> !entry.contains("backend-gds") && !entry.contains("jcuda"))) {
            assertThat(tiersOf(container)).isEqualTo(List.of("cpu", "posix"));
        }
    }

    /** This class path, without what the application's own loader knows. */
    private static URLClassLoader container(Predicate<String> kept) throws Exception {
        List<URL> urls = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            if (kept.test(entry)) {
                urls.add(Path.of(entry).toUri().toURL());
            }
        }
        return new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
    }

    private List<?> tiersOf(ClassLoader container) {
        try {
            Class<?> configClass = container.loadClass(LmcacheConfig.class.getName());
            Object config = configClass
                    .getMethod("of", Map.class)
                    .invoke(null, Map.of("gds_path", directory.toString(), "max_local_cpu_size", "16 MiB"));
            Class<?> lmcache = container.loadClass(Lmcache.class.getName());
            Object stack = lmcache.getMethod("open", configClass).invoke(null, config);
            try {
                return (List<?>) stack.getClass().getMethod("tiers").invoke(stack);
            } finally {
                stack.getClass().getMethod("close").invoke(stack);
            }
        } catch (Exception e) {
            throw new AssertionError("Not opened by " + container, e);
        }
    }
}
