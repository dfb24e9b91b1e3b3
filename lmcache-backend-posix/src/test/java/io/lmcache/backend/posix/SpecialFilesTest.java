package io.lmcache.backend.posix;

import static io.lmcache.backend.posix.TestBackends.await;
import static io.lmcache.backend.posix.TestBackends.file;
import static io.lmcache.backend.posix.TestBackends.holds;
import static io.lmcache.backend.posix.TestBackends.put;
import static io.lmcache.backend.posix.TestBackends.store;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.TestChunks;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pipes, sockets, devices and links where a file or a directory of the cache is expected: nothing waits for them. */
class SpecialFilesTest {
    /** What stands there. */
    enum Special {
        PIPE,
        SOCKET,
        DEVICE,
        LINK_TO_A_PIPE,
        LINK_TO_A_DIRECTORY;

        private void at(Path path, Path elsewhere) throws Exception {
            switch (this) {
                case PIPE -> run("mkfifo", path.toString());
                case SOCKET -> {
                    // The file stays when the socket is closed. Its path may be long, so it is made elsewhere.
                    Path folder = Files.createTempDirectory(Path.of("/tmp"), "s");
                    Path made = folder.resolve("s");
                    try (ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                        socket.bind(UnixDomainSocketAddress.of(made));
                    }
                    run("mv", made.toString(), path.toString());
                    Files.delete(folder);
                }
                case DEVICE -> run("mknod", path.toString(), "c", "1", "5");
                case LINK_TO_A_PIPE -> {
                    Path pipe = elsewhere.resolve("pipe");
                    if (!Files.exists(pipe)) {
                        run("mkfifo", pipe.toString());
                    }
                    Files.createSymbolicLink(path, pipe);
                }
                case LINK_TO_A_DIRECTORY ->
                    Files.createSymbolicLink(path, Files.createDirectories(elsewhere.resolve("directory")));
            }
        }
    }

    private static final ChunkKey KEY = TestChunks.key(1);
    private static final ChunkKey OTHER = TestChunks.key(2);
    private static final String DEAD = "1-0000000000000000-0000000000000000";

    @TempDir
    private Path root;

    @TempDir
    private Path elsewhere;

    private long threadsBefore;

    @BeforeEach
    void countThreads() {
        threadsBefore = ourThreads();
    }

    @AfterEach
    void nothingHangsAndNothingElsewhereIsTouched() throws Exception {
        TestBackends.awaitTrue(() -> ourThreads() <= threadsBefore, () -> "threads that hang: " + names());
        try (Stream<Path> files = Files.walk(elsewhere)) {
            assertThat(files.map(path -> elsewhere.relativize(path).toString())).isSubsetOf("", "pipe", "directory");
        }
    }

    private static long ourThreads() {
        return names().size();
    }

    private static List<String> names() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("lmcache-"))
                .toList();
    }

    private static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assumeTrue(process.exitValue() == 0, String.join(" ", command) + " does not work here: " + said);
    }

    private static boolean isThere(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    /** What everybody does with a backend. */
    private static void use(StorageBackend backend) {
        await(backend.containsPrefix(List.of(KEY, OTHER)));
        await(backend.confirmPrefix(List.of(KEY, OTHER)));
        holds(backend, KEY);
        put(backend, OTHER, TestChunks.META);
        assertThat(holds(backend, OTHER)).isTrue();
        await(backend.tryInvalidate(KEY));
    }

    @ParameterizedTest
    @EnumSource
    void inAChunksPlaceItIsAMissAndMakesWayForTheChunk(Special special) throws Exception {
        Files.createDirectories(file(root, KEY).resolveSibling("."));
        special.at(file(root, KEY), elsewhere);
        try (StorageBackend backend = TestBackends.open(root, "max_bytes", "10000000")) {
            assertThat(await(backend.containsPrefix(List.of(KEY)))).isZero();
            assertThat(await(backend.confirmPrefix(List.of(KEY)))).isZero();
            assertThat(holds(backend, KEY)).isFalse();
            store(backend, KEY);
            assertThat(holds(backend, KEY)).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource
    void inThePlaceOfAKnownChunkItIsAMissAndMakesWay(Special special) throws Exception {
        for (String direct : List.of("false", "true")) {
            try (StorageBackend backend = TestBackends.open(root, "use_direct_io", direct)) {
                store(backend, KEY);
                Files.delete(file(root, KEY));
                special.at(file(root, KEY), elsewhere);
                assertThat(holds(backend, KEY)).isFalse();
                store(backend, KEY);
                assertThat(holds(backend, KEY)).isTrue();
                backend.clear();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void inAMetadataFilesPlaceItMakesWayForTheFile(Special special) throws Exception {
        Path metadata;
        try (StorageBackend backend = TestBackends.open(root, "file_format", "lmcache_0_5")) {
            store(backend, KEY);
            metadata = TestBackends.regularFiles(root).stream()
                    .filter(file -> file.toString().endsWith(".metadata"))
                    .findFirst()
                    .orElseThrow();
            assertThat(await(backend.tryInvalidate(KEY))).isTrue();
            special.at(metadata, elsewhere);
            assertThat(holds(backend, KEY)).isFalse();
            store(backend, KEY);
            assertThat(holds(backend, KEY)).isTrue();
        }
        assertThat(Files.isRegularFile(metadata, LinkOption.NOFOLLOW_LINKS)).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void inThePlaceOfADirectoryForChunksItCostsWhatWouldLieThereAndNothingElse(Special special) throws Exception {
        Path outer = root.resolve(root.relativize(file(root, KEY)).getName(0));
        Path inner = file(root, OTHER).resolveSibling(".").normalize();
        special.at(outer, elsewhere);
        Files.createDirectories(inner.resolveSibling("."));
        special.at(inner, elsewhere);
        try (StorageBackend backend = TestBackends.open(root, "max_bytes", "10000000")) {
            for (ChunkKey key : List.of(KEY, OTHER)) {
                assertThat(await(backend.containsPrefix(List.of(key)))).isZero();
                assertThat(holds(backend, key)).isFalse();
                assertThat(put(backend, key, TestChunks.META)).isInstanceOf(PutOutcome.Declined.class);
                assertThat(await(backend.tryInvalidate(key))).isFalse();
            }
            store(backend, TestChunks.key(3));
            assertThat(TestBackends.count(backend, BackendCounter.IO_ERRORS)).isZero();
            backend.clear();
        }
        assertThat(isThere(outer)).isTrue();
        assertThat(isThere(inner)).isTrue();
    }

    @Test
    void linkThatTakesTheDirectoryOfAKnownChunkLeadsToAMiss() throws Exception {
        try (StorageBackend backend = TestBackends.open(root)) {
            store(backend, KEY);
            Path outer = root.resolve(root.relativize(file(root, KEY)).getName(0));
            Files.move(outer, elsewhere.resolve("directory"));
            Files.createSymbolicLink(outer, elsewhere.resolve("directory"));
            assertThat(holds(backend, KEY)).isFalse();
            assertThat(await(backend.confirmPrefix(List.of(KEY)))).isZero();
            assertThat(put(backend, KEY, TestChunks.META)).isInstanceOf(PutOutcome.Declined.class);
            backend.clear();
        }
        try (StorageBackend backend = TestBackends.open(root)) {
            assertThat(await(backend.containsPrefix(List.of(KEY)))).isZero();
            assertThat(holds(backend, KEY)).isFalse();
        }
        Path moved = elsewhere.resolve("directory");
        assertThat(TestBackends.regularFiles(moved)).hasSize(1);
        for (Path file : TestBackends.regularFiles(moved)) {
            Files.delete(file);
        }
        try (Stream<Path> below = Files.list(moved)) {
            for (Path directory : below.toList()) {
                Files.delete(directory);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void inThePlaceOfOurOwnFilesItMakesWay(Special special) throws Exception {
        Path control = root.resolve(".lmcache");
        Path account;
        try (StorageBackend backend = TestBackends.open(root, "max_bytes", "10000000")) {
            use(backend);
            account = TestBackends.regularFiles(control).stream()
                    .filter(file -> file.toString().contains("account-"))
                    .findFirst()
                    .orElseThrow();
        }
        Files.deleteIfExists(account);
        special.at(account, elsewhere);
        Files.deleteIfExists(control.resolve("janitor.lock"));
        special.at(control.resolve("janitor.lock"), elsewhere);
        try (StorageBackend backend = TestBackends.open(root, "max_bytes", "10000000")) {
            use(backend);
            backend.clear();
        }
    }

    @ParameterizedTest
    @EnumSource
    void inThePlaceOfAWritersLockAndItsTemporaryFileNothingWaits(Special special) throws Exception {
        Path writers = Files.createDirectories(root.resolve(".lmcache/writers"));
        Path quarantine = Files.createDirectories(root.resolve(".lmcache/quarantine"));
        special.at(writers.resolve(DEAD + ".lock"), elsewhere);
        special.at(quarantine.resolve("1-" + file(root, KEY).getFileName()), elsewhere);
        Path fanOut = Files.createDirectories(root.resolve("aa/bb"));
        special.at(fanOut.resolve("." + DEAD + ".1.tmp"), elsewhere);
        Files.createFile(fanOut.resolve("." + DEAD + ".2.tmp"));
        try (StorageBackend backend = TestBackends.open(root, "max_bytes", "10000000", "ttl_seconds", "1")) {
            use(backend);
            backend.clear();
        }
    }
}
