package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.StatusRuntimeException;
import io.lmcache.api.LmcacheException;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.server.ServerOptions.Tcp;
import io.lmcache.server.Shape.Sizes;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A client over TCP has what one over the socket has. */
class TcpTest {
    private static final String TOKEN = "0123456789abcdef";

    @TempDir
    private Path directory;

    @Test
    void aClientStoresAndRetrieves() throws Exception {
        Path socket = directory.resolve("run").resolve("s.sock");
        ServerOptions options = new ServerOptions(
                socket,
                Optional.of(new Tcp(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), tokenFile("rw-------", TOKEN))),
                Duration.ofSeconds(5),
                "test");
        int[] prompt = IntStream.range(0, 256).toArray();
        int[] blocks = IntStream.range(0, 16).toArray();
        try (LmcacheStack cache = Lmcache.open(LmcacheConfig.of(Map.of("max_local_cpu_size", "16 MiB")));
                CacheServer server = CacheServer.start(cache, options)) {
            assertThat(server.addresses()).hasSize(2).first().isEqualTo("unix:" + socket);
            try (TestClient client = TestClient.connect(server.addresses().getLast(), TOKEN);
                    TestEngine stack = new TestEngine(client, Shape.BLOCKS_FIRST_NHD, new Sizes(2, 16, 16, 2, 8), "e")
                            .register(0, 1)) {
                stack.compute(1, 256, blocks);
                assertThat(stack.store(prompt, blocks).getStoredTokens()).isEqualTo(256);
                stack.wipe((byte) 7);
                assertThat(client.calls()
                                .retrieve(stack.retrieving(prompt, blocks).build())
                                .getTokens())
                        .isEqualTo(256);
                stack.requireOnly(1, 0, 256, blocks, (byte) 7);
                assertThatThrownBy(() -> TestClient.connect(server.addresses().getLast(), "guessed"))
                        .isInstanceOf(StatusRuntimeException.class)
                        .hasMessageContaining("UNAUTHENTICATED")
                        .hasMessageContaining("--token-file");
                client.endSession();
                ServerProcess.await("its session is closed", () -> cacheIsFree(socket));
            }
        }
    }

    private Path tokenFile(String mode, String token) throws IOException {
        Path file = Files.createTempFile(directory, "token", "");
        Files.writeString(file, token + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
    }

    @Test
    void aTokenThatOthersMayKnowIsRefused() throws Exception {
        for (Path file : List.of(
                tokenFile("rw-r-----", TOKEN),
                tokenFile("rw-------", "short"),
                Files.createSymbolicLink(directory.resolve("link"), tokenFile("rw-------", TOKEN)),
                directory.resolve("missing"))) {
            assertThatThrownBy(() -> TokenCheck.read(file))
                    .isInstanceOf(LmcacheException.class)
                    .hasMessageContaining("The token file");
        }
    }

    private static boolean cacheIsFree(Path socket) {
        try (TestClient observer = TestClient.connect(socket)) {
            return observer.stats().getMappedBytes() == 0;
        }
    }
}
