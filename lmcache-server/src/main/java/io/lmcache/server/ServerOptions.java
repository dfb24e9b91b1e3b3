package io.lmcache.server;

import io.lmcache.api.posix.LocalUser;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Where a server listens, and how it ends.
 *
 * @param socket the Unix domain socket; in a directory of its own, which is made if it is not there
 * @param tcp a TCP address to listen on, too
 * @param drainLimit how long calls under way may take when the server ends
 * @param version the server's version, for clients' logs
 */
public record ServerOptions(Path socket, Optional<Tcp> tcp, Duration drainLimit, String version) {
    /**
     * Where a server listens on TCP, and who may call.
     *
     * @param address loopback as a rule: what goes over it is not encrypted
     * @param tokenFile a file of the server's user that nobody else may read; its text is what clients have to send, as
     *     {@code authorization: Bearer TEXT}
     */
    public record Tcp(InetSocketAddress address, Path tokenFile) {}

    /**
     * The socket of this user where none is named: {@code lmcache/server.sock} in {@code XDG_RUNTIME_DIR}, else
     * {@code /tmp/lmcache-UID/server.sock}.
     */
    public static Path defaultSocket() {
        return defaultSocket(System.getenv());
    }

    /** As the connector takes it: what is no absolute path of a directory is as good as none. */
    static Path defaultSocket(Map<String, String> environment) {
        Path runtime = Path.of(environment.getOrDefault("XDG_RUNTIME_DIR", ""));
        Path directory = runtime.isAbsolute() && Files.isDirectory(runtime)
                ? runtime.resolve("lmcache")
                : Path.of("/tmp", "lmcache-" + Integer.toUnsignedString(LocalUser.id()));
        return directory.resolve("server.sock");
    }
}
