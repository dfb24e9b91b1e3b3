package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.e2e.Processes.Finished;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The launcher in a distribution, laid out here as the assembly does it, in folders with spaces. */
@Tag("slow")
class LauncherTest {
    @TempDir
    private static Path directory;

    private static Path home;
    private static Path plugins;

    @BeforeAll
    static void layOutADistributionAndAPlugin() throws Exception {
        home = directory.resolve("my lmcache");
        copyFromProject("lmcache", "bin/lmcache");
        copyFromProject("scripts/find-jdk.sh", "scripts/find-jdk.sh");
        fillLibraries(Files.createDirectories(home.resolve("lib")));
        plugins = Files.createDirectories(directory.resolve("my plugins"));
        Jars.writePlugin(plugins.resolve("scratch.jar"));
        Files.writeString(plugins.resolve("text"), "x");
    }

    private static void copyFromProject(String from, String to) throws Exception {
        Path target = home.resolve(to);
        Files.createDirectories(target.getParent());
        Files.copy(Documents.PROJECT.resolve(from), target);
        assertThat(target.toFile().setExecutable(true)).isTrue();
    }

    /** The class path of the tests as jars, without the tests. */
    private static void fillLibraries(Path lib) throws Exception {
        List<String> path = List.of(System.getProperty("java.class.path").split(File.pathSeparator));
        for (int i = 0; i < path.size(); i++) {
            Path entry = Path.of(path.get(i)).toAbsolutePath();
            Path jar = lib.resolve(i + ".jar");
            if (Files.isRegularFile(entry)) {
                Files.copy(entry, jar);
            } else if (Files.isDirectory(entry) && !entry.equals(Jars.classesOfTests())) {
                Jars.write(jar, entry);
            }
        }
    }

    @Test
    void runsFromAnyFolder() throws Exception {
        Finished version = lmcache(Map.of(), "--version");
        assertThat(version.status()).as(version.err()).isZero();
        assertThat(version.out()).startsWith("lmcache ");
    }

    @Test
    void takesPluginsFromTheirFolderAndHandsThemTheirSettings() throws Exception {
        Finished demo = lmcache(
                Map.of(
                        "LMCACHE_PLUGIN_PATH", plugins.toString(),
                        "LMCACHE_LOCAL_CPU", "false",
                        "LMCACHE_STORAGE_PLUGINS", "scratch",
                        "LMCACHE_EXTRA_CONFIG", "{\"scratch\": {\"capacity_bytes\": 12}}"),
                "demo",
                plugins.resolve("text").toString());
        assertThat(demo.err())
                .contains(
                        "extra_config.scratch.capacity_bytes is '12' (environment variable LMCACHE_EXTRA_CONFIG), allowed are numbers"
                                + " of bytes from 1 MiB");
        assertThat(demo.status()).isEqualTo(2);
    }

    @Test
    void withoutTheFolderThePluginIsUnknown() throws Exception {
        Finished demo = lmcache(
                Map.of("LMCACHE_STORAGE_PLUGINS", "scratch"),
                "demo",
                plugins.resolve("text").toString());
        assertThat(demo.err()).contains("No storage backend is called 'scratch'. Available: cpu, gds, posix");
        assertThat(demo.status()).isEqualTo(2);
    }

    @Test
    void aFolderThatIsNotThereIsNamed() throws Exception {
        Finished version = lmcache(Map.of("LMCACHE_PLUGIN_PATH", plugins + "x"), "--version");
        assertThat(version.err()).contains("no folder " + plugins + "x").contains("LMCACHE_PLUGIN_PATH");
        assertThat(version.status()).isZero();
    }

    @Test
    void handsTheJvmItsOptions() throws Exception {
        Finished version = lmcache(Map.of("LMCACHE_JAVA_OPTS", "-Xmx96m -XX:+PrintCommandLineFlags"), "--version");
        assertThat(version.status()).as(version.err()).isZero();
        assertThat(version.out()).contains("-XX:MaxHeapSize=100663296");
    }

    @Test
    void logsAsMuchAsItIsTold() throws Exception {
        String unknown = "Unknown setting chunk_siz";
        Map<String, String> usual = Map.of("LMCACHE_CHUNK_SIZ", "1");
        assertThat(lmcache(usual, "config").err()).contains(unknown);
        assertThat(lmcache(Map.of("LMCACHE_CHUNK_SIZ", "1", "LMCACHE_LOG_LEVEL", "ERROR"), "config")
                        .err())
                .doesNotContain(unknown);
        Finished loud = lmcache(Map.of("LMCACHE_LOG_LEVEL", "loud"), "config");
        assertThat(loud.status()).isEqualTo(2);
        assertThat(loud.err()).contains("LMCACHE_LOG_LEVEL is 'loud', allowed are trace, debug");
    }

    /** What records it leaves the machine to everybody else. */
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    @Test
    void theFirstServerHasACacheRecordedThatLaterStartsUse() throws Exception {
        Process server = new ProcessBuilder(
                        home.resolve("bin/lmcache").toString(),
                        "serve",
                        "--set",
                        "max_local_cpu_size=64 MiB",
                        "--socket",
                        directory.resolve("run").resolve("s.sock").toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("server.log").toFile())
                .start();
        try {
            while (recordedCaches().isEmpty()) {
                assertThat(server.waitFor(100, TimeUnit.MILLISECONDS))
                        .as(Files.readString(directory.resolve("server.log")))
                        .isFalse();
            }
        } finally {
            server.destroy();
            server.waitFor();
        }
        Path loaded = directory.resolve("loaded classes.txt");
        Finished version = lmcache(
                Map.of("JDK_JAVA_OPTIONS", "\"-Xlog:class+load:file=" + loaded.getFileName() + "\""), "--version");
        assertThat(version.status()).as(version.err()).isZero();
        Path log = Path.of(loaded.getFileName().toString());
        assertThat(Files.readAllLines(log))
                .anyMatch(line -> line.contains("io.lmcache.cli.Main source: shared objects file"));
        Files.delete(log);
    }

    private static List<Path> recordedCaches() throws IOException {
        try (Stream<Path> files = Files.list(home)) {
            return files.filter(file -> file.getFileName().toString().startsWith("aot-"))
                    .toList();
        }
    }

    private static Finished lmcache(Map<String, String> environment, String... arguments) throws Exception {
        Files.writeString(plugins.resolve("text"), "x");
        List<String> command =
                new ArrayList<>(List.of(home.resolve("bin/lmcache").toString()));
        command.addAll(List.of(arguments));
        return Processes.run(command, environment);
    }
}
