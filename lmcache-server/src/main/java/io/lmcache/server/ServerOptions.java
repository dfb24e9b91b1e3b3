package io.lmcache.server;

import io.lmcache.api.posix.LocalUser;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Where a server listens, and how it ends.
 *
 * @param socket the Unix domain socket; in a directory of its own, which is made if it is not there
 * @param tcp a TCP address to listen on, too; whoever reaches it can use the cache, so loopback as a rule
 * @param drainLimit how long calls under way may take when the server ends
 * @param version the server's version, for clients' logs
 */
public record ServerOptions(Path socket, Optional<InetSocketAddress> tcp, Duration drainLimit, String version) {
    /**
     * The socket of this user where none is named: {@code lmcache/server.sock} in {@code XDG_RUNTIME_DIR}, else
     * {@code /tmp/lmcache-UID/server.sock}.
     */
    public static Path defaultSocket() {
        String runtime = System.getenv("XDG_RUNTIME_DIR");
        Path directory = runtime != null && Files.isDirectory(Path.of(runtime))
                ? Path.of(runtime, "lmcache")
                : Path.of("/tmp", "lmcache-" + Integer.toUnsignedString(LocalUser.id()));
        return directory.resolve("server.sock");
    }
}
