package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.grpc.stub.StreamObserver;
import io.lmcache.server.protocol.SessionEvent;
import io.lmcache.server.protocol.SharedMemory;
import io.lmcache.server.protocol.Welcome;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What one client, of this user or another, cannot use up or get at. */
class LimitsTest {
    private static final int GARBAGE = 300;

    @TempDir
    private Path directory;

    @Test
    void connectionsBeyondTheLimitAreClosedAndOnesThatEndMakeRoom() {
        UserPrincipal anybody = () -> "anybody";
        EmbeddedChannel listening = new EmbeddedChannel(new Admission(anybody));
        Deque<EmbeddedChannel> open = new ArrayDeque<>();
        for (int i = 0; i < Admission.MAX_CONNECTIONS; i++) {
            EmbeddedChannel connection = new EmbeddedChannel();
            open.add(connection);
            listening.writeInbound(connection);
        }
        EmbeddedChannel tooMany = new EmbeddedChannel();
        listening.writeInbound(tooMany);
        assertThat(listening.inboundMessages()).hasSize(Admission.MAX_CONNECTIONS);
        assertThat(tooMany.isOpen()).isFalse();
        var _ = open.remove().close();
        EmbeddedChannel next = new EmbeddedChannel();
        listening.writeInbound(next);
        assertThat(next.isOpen()).isTrue();
        assertThat(listening.inboundMessages()).hasSize(Admission.MAX_CONNECTIONS + 1);
    }

    @Test
    void sessionsBeyondTheLimitAreRefused() {
        Sessions sessions = new Sessions();
        List<Session> open = new ArrayList<>();
        for (int i = 0; i < 1024; i++) {
            open.add(sessions.open("client", new Silent(), _ -> Welcome.getDefaultInstance()));
        }
        assertThatThrownBy(() -> sessions.open("client", new Silent(), _ -> Welcome.getDefaultInstance()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("1024 sessions are open");
        sessions.close(open.getFirst());
        assertThat(sessions.open("client", new Silent(), _ -> Welcome.getDefaultInstance()))
                .isNotNull();
    }

    private static final class Silent implements StreamObserver<SessionEvent> {
        @Override
        public void onNext(SessionEvent event) {}

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onCompleted() {}
    }

    @Test
    void aFullSharedMemoryIsCalledThat() throws Exception {
        Path file = Path.of("/dev/shm", "lmcache-test-" + UUID.randomUUID());
        try (Arena arena = Arena.ofConfined()) {
            Files.write(file, new byte[4096]);
            SharedMemory memory = SharedMemory.newBuilder()
                    .setName(file.getFileName().toString())
                    .setSize(4096)
                    .build();
            try (SharedMemoryFile mapped = SharedMemoryFile.map(memory, arena)) {
                // What the JVM throws where the kernel has no page for what is mapped.
                assertThatThrownBy(() -> SharedMemoryFile.guarded(List.of(mapped), () -> {
                            throw new InternalError("a fault occurred in an unsafe memory access operation");
                        }))
                        .isInstanceOf(Refusal.class)
                        .hasMessageContaining("/dev/shm is full");
                try (FileChannel shrunk = FileChannel.open(file, StandardOpenOption.WRITE)) {
                    var _ = shrunk.truncate(0);
                }
                assertThatThrownBy(() -> SharedMemoryFile.guarded(List.of(mapped), () -> {
                            throw new InternalError("a fault occurred in an unsafe memory access operation");
                        }))
                        .isInstanceOf(Refusal.class)
                        .hasMessageContaining("has 0 bytes");
            }
        } finally {
            Files.deleteIfExists(file);
        }
    }

    @Test
    @Tag("slow")
    void oneConnectionHasSoManyStreams() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                TestClient observer = TestClient.connect(server.socket());
                TestClient client = TestClient.connect(server.socket())) {
            for (int i = 0; i < 300; i++) {
                var _ = client.open(1);
            }
            ServerProcess.await("streams are open", () -> observer.stats().getSessions() >= 1 + 256);
            assertThat(observer.stats().getSessions()).isEqualTo(1 + 256);
        }
    }

    @Test
    @Tag("slow")
    void aConnectionThatSaysNothingIsClosed() throws Exception {
        try (ServerProcess server = ServerProcess.start(directory, Map.of());
                SocketChannel connection = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            connection.connect(UnixDomainSocketAddress.of(server.socket()));
            ByteBuffer said = ByteBuffer.allocate(4096);
            // Blocks until the server closes it, which JUnit's own limit bounds.
            while (connection.read(said) >= 0) {
                said.clear();
            }
            try (TestClient client = TestClient.connect(server.socket())) {
                assertThat(client.stats().getSessions()).isEqualTo(1);
            }
        }
    }

    @Test
    @Tag("slow")
    void garbageFloodsNeitherLogNorServer() throws Exception {
        Random random = new Random(1);
        try (ServerProcess server = ServerProcess.start(directory, Map.of())) {
            for (int i = 0; i < GARBAGE; i++) {
                try (SocketChannel connection = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                    connection.connect(UnixDomainSocketAddress.of(server.socket()));
                    byte[] bytes = new byte[1 + random.nextInt(4096)];
                    random.nextBytes(bytes);
                    writeAsFarAsTaken(connection, ByteBuffer.wrap(bytes));
                }
            }
            try (TestClient client = TestClient.connect(server.socket())) {
                assertThat(client.stats().getSessions()).isEqualTo(1);
            }
            assertThat(server.err().lines().count())
                    .as("lines that %d connections left in the log: %s", GARBAGE, server.err())
                    .isLessThan(GARBAGE / 10);
        }
    }

    /** The server may close it before it has all. */
    private static void writeAsFarAsTaken(SocketChannel connection, ByteBuffer bytes) {
        try {
            while (bytes.hasRemaining()) {
                int _ = connection.write(bytes);
            }
        } catch (IOException e) {
            assertThat(e).isNotNull();
        }
    }

    /** What tells whether a server talks to whoever runs it: prints how many bytes come first, -1 for a closed connection. */
    private static final String PROBE = """
            import java.net.*; import java.nio.*; import java.nio.channels.*; import java.nio.file.*;
            class Probe {
                public static void main(String[] arguments) throws Exception {
                    try (SocketChannel connection = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                        connection.connect(UnixDomainSocketAddress.of(arguments[0]));
                        System.out.print(connection.read(ByteBuffer.allocate(64)));
                    }
                }
            }
            """;

    @Test
    @Tag("slow")
    void anotherUserIsRefusedAlsoWhereTheSocketIsOpenToAll() throws Exception {
        assumeTrue("root".equals(System.getProperty("user.name")), "only root can become another user");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/setpriv")), "there is no setpriv");
        Path probe = Files.writeString(directory.resolve("Probe.java"), PROBE);
        try (ServerProcess server = ServerProcess.start(directory, Map.of())) {
            openToAll(server.socket());
            assertThat(run(server, probe, "/usr/bin/env")).as("the own user").doesNotContain("-1");
            String answer =
                    run(server, probe, "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--");
            assertThat(answer).as("another user").isEqualTo("-1");
            assertThat(server.err()).contains("another user's");
        }
    }

    private void openToAll(Path socket) throws IOException {
        for (Path folder = socket.getParent();
                folder != null && folder.getNameCount() > 1;
                folder = folder.getParent()) {
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rwxrwxrwx"));
    }

    private static String run(ServerProcess server, Path probe, String... as) throws Exception {
        List<String> command = new ArrayList<>(List.of(as));
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                probe.toString(),
                server.socket().toString()));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
