package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.LmcacheException;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server takes no place from another, removes nothing but its own socket, and keeps its place. */
class SocketFileTest {
    @TempDir
    private Path directory;

    private Path socket() {
        return directory.resolve("run").resolve("s.sock");
    }

    private static ServerSocketChannel listen(Path path) throws IOException {
        return ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(path));
    }

    private Path privateDirectory() throws IOException {
        SocketFile.claim(socket()).close();
        return directory.resolve("run");
    }

    @Test
    void aPlainFileIsNotTheServersToDelete() throws Exception {
        Path precious = Files.writeString(privateDirectory().resolve("precious"), "mine");
        assertThatThrownBy(() -> SocketFile.claim(precious))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining("no socket");
        assertThat(precious).hasContent("mine");
    }

    @Test
    void aLockThatIsALinkIsNotWrittenThrough() throws Exception {
        Path precious = Files.writeString(directory.resolve("precious"), "mine");
        Files.createSymbolicLink(privateDirectory().resolve("other.sock.lock"), precious);
        assertThatThrownBy(() -> SocketFile.claim(directory.resolve("run").resolve("other.sock")))
                .isInstanceOf(LmcacheException.class);
        assertThat(precious).hasContent("mine");
    }

    @Test
    void aLiveSocketIsNotTakenAlsoWhereItsLockIsGone() throws Exception {
        privateDirectory();
        try (ServerSocketChannel other = listen(socket())) {
            assertThatThrownBy(() -> SocketFile.claim(socket()))
                    .isInstanceOf(LmcacheException.class)
                    .hasMessageContaining("another server listens there");
            assertThat(socket()).exists();
            assertThat(other.isOpen()).isTrue();
        }
        // Now it is a dead one's.
        SocketFile.claim(socket()).close();
    }

    @Test
    void onlyTheOwnSocketIsDeleted() throws Exception {
        try (SocketFile first = SocketFile.claim(socket());
                ServerSocketChannel bound = listen(first.bindPath())) {
            assertThat(bound.isOpen()).isTrue();
            first.publish();
            assertThat(first.isLost()).isFalse();
            Files.delete(socket());
            assertThat(first.isLost()).isTrue();
            listen(socket()).close();
        }
        assertThat(socket()).exists();
    }

    @Test
    void aLostSocketIsThereAgainAndSessionsStay() throws Exception {
        ServerOptions options = new ServerOptions(socket(), Optional.empty(), Duration.ofSeconds(5), "test");
        try (LmcacheStack stack = Lmcache.open(LmcacheConfig.of(Map.of("max_local_cpu_size", "16 MiB")));
                CacheServer server = CacheServer.start(stack, options);
                TestClient stays = TestClient.connect(socket())) {
            Files.delete(socket());
            Files.delete(directory.resolve("run").resolve("s.sock.lock"));
            Files.delete(directory.resolve("run"));
            ServerProcess.await("the socket is there again", () -> Files.exists(socket()));
            try (TestClient comes = TestClient.connect(socket())) {
                assertThat(comes.stats().getSessions()).isEqualTo(2);
            }
            assertThat(stays.stats().getSessions()).isPositive();
            assertThatThrownBy(() -> SocketFile.claim(socket())).isInstanceOf(LmcacheException.class);
            assertThat(server.addresses()).hasSize(1);
        }
        assertThat(socket()).doesNotExist();
    }

    @Test
    void whatIsNoAbsolutePathIsNoRuntimeDirectory() {
        Path unset = ServerOptions.defaultSocket(Map.of());
        assertThat(unset).asString().startsWith("/tmp/lmcache-");
        assertThat(ServerOptions.defaultSocket(Map.of("XDG_RUNTIME_DIR", ""))).isEqualTo(unset);
        assertThat(ServerOptions.defaultSocket(Map.of("XDG_RUNTIME_DIR", "."))).isEqualTo(unset);
        assertThat(ServerOptions.defaultSocket(Map.of("XDG_RUNTIME_DIR", directory.toString())))
                .isEqualTo(directory.resolve("lmcache").resolve("server.sock"));
    }
}
