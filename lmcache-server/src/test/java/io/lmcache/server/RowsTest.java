package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.lmcache.server.protocol.FindRowsRequest;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.RegisterRowsRequest;
import io.lmcache.server.protocol.RowsRequest;
import io.lmcache.server.protocol.SharedMemory;
import io.lmcache.server.protocol.StoreRowsResponse;
import io.lmcache.server.protocol.UnregisterKvCacheRequest;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows that only their engine understands, through a server process. */
class RowsTest {
    private static final int ROW_BYTES = 12_288;
    private static final int ROWS = 32;

    @TempDir
    private Path directory;

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);
    private final List<ByteString> names =
            IntStream.range(0, 8).mapToObj(_ -> name()).toList();
    private final Path file = Path.of("/dev/shm", "lmcache-test-" + UUID.randomUUID());
    private final Arena arena = Arena.ofShared();
    private MemorySegment memory;

    @BeforeEach
    void makeMemory() throws IOException {
        memory = mapped();
    }

    @AfterEach
    void removeMemory() throws IOException {
        arena.close();
        Files.deleteIfExists(file);
    }

    private MemorySegment mapped() throws IOException {
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.map(MapMode.READ_WRITE, 0, (long) ROWS * ROW_BYTES, arena);
        }
    }

    private ByteString name() {
        byte[] name = new byte[36];
        random.nextBytes(name);
        return ByteString.copyFrom(name);
    }

    private static int[] range(int from, int to) {
        return IntStream.range(from, to).toArray();
    }

    private RegisterRowsRequest.Builder registration(TestClient client) {
        return RegisterRowsRequest.newBuilder()
                .setSessionId(client.sessionId())
                .setModel("model")
                .putTags("tag", "value")
                .setSharedMemory(SharedMemory.newBuilder()
                        .setName(file.getFileName().toString())
                        .setSize(memory.byteSize()))
                .setRowBytes(ROW_BYTES)
                .setRows(ROWS);
    }

    private long register(TestClient client) {
        return client.calls().registerRows(registration(client).build()).getRowsId();
    }

    private RowsRequest.Builder job(TestClient client, long id, List<ByteString> wanted, int... rows) {
        return RowsRequest.newBuilder()
                .setSessionId(client.sessionId())
                .setRowsId(id)
                .addAllNames(wanted)
                .setRowIds(Packed.bytes(rows));
    }

    private List<Boolean> find(TestClient client, long id, List<ByteString> wanted) {
        return client.calls()
                .findRows(FindRowsRequest.newBuilder()
                        .setSessionId(client.sessionId())
                        .setRowsId(id)
                        .addAllNames(wanted)
                        .build())
                .getFoundList();
    }

    private MemorySegment row(int row) {
        return memory.asSlice((long) row * ROW_BYTES, ROW_BYTES);
    }

    /** The content of row {@code content}, as it was computed. */
    private void compute(int row, int content) {
        row(row).fill((byte) (content + 1));
        row(row).set(ValueLayout.JAVA_LONG, 0, content);
    }

    private void requireContent(int row, int content) {
        MemorySegment before = arena.allocate(ROW_BYTES);
        before.copyFrom(row(row));
        compute(row, content);
        assertThat(before.mismatch(row(row))).as("row %d, seed %d", row, seed).isEqualTo(-1);
    }

    @Test
    void rowsComeBackIntoOtherRowsAlsoAfterARestart() throws Exception {
        Map<String, String> settings = Map.of(
                "LMCACHE_GDS_PATH",
                Files.createDirectory(directory.resolve("files")).toString());
        try (ServerProcess server = ServerProcess.start(directory, settings);
                TestClient client = TestClient.connect(server.socket())) {
            long id = register(client);
            for (int i = 0; i < 8; i++) {
                compute(i, i);
            }
            StoreRowsResponse stored =
                    client.calls().storeRows(job(client, id, names, range(0, 8)).build());
            assertThat(stored.getStored()).isEqualTo(8);
            server.terminate();
            server.awaitEnd();
        }
        try (ServerProcess server = ServerProcess.start(directory, settings);
                TestClient client = TestClient.connect(server.socket())) {
            long id = register(client);
            assertThat(find(client, id, names)).containsOnly(true).hasSize(8);
            memory.fill((byte) 0x5a);
            assertThat(client.calls()
                            .loadRows(job(client, id, names, range(20, 28)).build())
                            .getLoadedList())
                    .containsOnly(true)
                    .hasSize(8);
            for (int i = 0; i < 8; i++) {
                requireContent(20 + i, i);
            }
            StoreRowsResponse again = client.calls()
                    .storeRows(job(client, id, names, range(20, 28)).build());
            assertThat(again.getPresent()).isEqualTo(8);
        }
    }

    @Test
    void eachRowCountsForItself() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket())) {
            long id = register(client);
            for (int i : new int[] {1, 2, 5, 7}) {
                compute(i, i);
                var _ = client.calls()
                        .storeRows(job(client, id, List.of(names.get(i)), i).build());
            }
            Boolean[] there = {false, true, true, false, false, true, false, true};
            assertThat(find(client, id, names)).containsExactly(there);
            memory.fill((byte) 0x5a);
            assertThat(client.calls()
                            .loadRows(job(client, id, names, range(8, 16)).build())
                            .getLoadedList())
                    .containsExactly(there);
            for (int i = 0; i < 8; i++) {
                if (there[i]) {
                    requireContent(8 + i, i);
                } else {
                    assertThat(row(8 + i).toArray(ValueLayout.JAVA_BYTE)).containsOnly(0x5a);
                }
            }
            // Those that are there are not read again.
            StoreRowsResponse all =
                    client.calls().storeRows(job(client, id, names, range(0, 8)).build());
            assertThat(all.getPresent()).isEqualTo(4);
            assertThat(all.getStored()).isEqualTo(4);
        }
    }

    @Test
    void tagsAndLengthsOfRowsAreKeptApart() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket())) {
            long id = register(client);
            var _ = client.calls().storeRows(job(client, id, names, range(0, 8)).build());
            long tagged = client.calls()
                    .registerRows(registration(client).putTags("tag", "other").build())
                    .getRowsId();
            long shorter = client.calls()
                    .registerRows(registration(client).setRowBytes(4096).build())
                    .getRowsId();
            assertThat(find(client, id, names)).containsOnly(true);
            assertThat(find(client, tagged, names)).containsOnly(false);
            assertThat(find(client, shorter, names)).containsOnly(false);
        }
    }

    @Test
    void whatAClientGetsWrongIsRefused() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket())) {
            long id = register(client);
            refused(
                    Reason.BAD_ARGUMENT,
                    () -> client.calls()
                            .registerRows(registration(client).setModel("").build()));
            refused(
                    Reason.BAD_ARGUMENT,
                    () -> client.calls()
                            .registerRows(registration(client).setRowBytes(0).build()));
            refused(
                    Reason.BAD_ARGUMENT,
                    () -> client.calls()
                            .registerRows(registration(client).setRowBytes(-1).build()));
            refused(
                    Reason.BAD_LAYOUT,
                    () -> client.calls()
                            .registerRows(registration(client).setRows(ROWS + 1).build()));
            refused(
                    Reason.BAD_LAYOUT,
                    () -> client.calls()
                            .registerRows(registration(client).setRows(0).build()));
            refused(
                    Reason.BAD_ARGUMENT,
                    () -> client.calls()
                            .loadRows(job(client, id, names, range(0, 7)).build()));
            refused(
                    Reason.BAD_ARGUMENT,
                    () -> client.calls()
                            .loadRows(job(client, id, names, range(ROWS - 7, ROWS + 1))
                                    .build()));
            refused(Reason.BAD_ARGUMENT, () -> find(client, id, List.of(ByteString.copyFromUtf8("short"))));
            refused(
                    Reason.BAD_ARGUMENT,
                    () -> client.calls()
                            .loadRows(job(client, id, names, range(0, 8))
                                    .setDeadline(-1)
                                    .build()));
            refused(
                    Reason.DEADLINE,
                    () -> client.calls()
                            .storeRows(job(client, id, names, range(0, 8))
                                    .setDeadline(System.nanoTime()
                                            - Duration.ofSeconds(1).toNanos())
                                    .build()));
            refused(Reason.UNKNOWN_KV_CACHE, () -> find(client, id + 1, names));
        }
    }

    @Test
    void aRegionThatIsNotWhatItWasIsRefused() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket())) {
            long inode = (long) Files.getAttribute(file, "unix:ino");
            RegisterRowsRequest.Builder mine = registration(client);
            mine.getSharedMemoryBuilder().setInode(inode);
            long id = client.calls().registerRows(mine.build()).getRowsId();
            // Another file under the engine's name, such as that of an engine that died.
            Files.move(file, file.resolveSibling(file.getFileName() + "-old"));
            try {
                var _ = mapped();
                refused(Reason.BAD_REGION, () -> client.calls().registerRows(mine.build()));
            } finally {
                Files.move(file.resolveSibling(file.getFileName() + "-old"), file, StandardCopyOption.REPLACE_EXISTING);
            }
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                var _ = channel.truncate(ROW_BYTES);
            }
            refused(
                    Reason.BAD_REGION,
                    () -> client.calls()
                            .storeRows(job(client, id, names, range(0, 8)).build()));
            assertThat(find(client, id, names)).as("nothing of it was kept").containsOnly(false);
        }
    }

    @Test
    void rowsEndWithTheirRegistrationAndTheirSession() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient observer = TestClient.connect(server.socket())) {
            try (TestClient client = TestClient.connect(server.socket())) {
                long id = register(client);
                assertThat(observer.stats().getMappedBytes()).isEqualTo(memory.byteSize());
                var _ = client.calls()
                        .unregisterKvCache(UnregisterKvCacheRequest.newBuilder()
                                .setSessionId(client.sessionId())
                                .setKvCacheId(id)
                                .build());
                assertThat(server.mappedSharedMemory()).isEmpty();
                long _ = register(client);
                assertThat(server.mappedSharedMemory()).hasSize(1);
            }
            ServerProcess.await("it is unmapped", () -> observer.stats().getMappedBytes() == 0);
            assertThat(server.mappedSharedMemory()).isEmpty();
        }
    }

    @Test
    void aServerThatWasHeldUpKeepsNothingOfAStoreThatWasGivenUp() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient client = TestClient.connect(server.socket())) {
            long id = register(client);
            RowsRequest store = job(client, id, names, range(0, 8))
                    .setDeadline(System.nanoTime() + Duration.ofMillis(200).toNanos())
                    .build();
            server.hold();
            assertThatThrownBy(() -> client.calls(Duration.ofMillis(400)).storeRows(store))
                    .hasMessageContaining("DEADLINE_EXCEEDED");
            server.goOn();
            assertThat(find(client, id, names)).containsOnly(false);
        }
    }

    private static void refused(Reason reason, Reasons.Call call) throws Exception {
        assertThat(Reasons.of(call)).isEqualTo(reason.name());
    }
}
