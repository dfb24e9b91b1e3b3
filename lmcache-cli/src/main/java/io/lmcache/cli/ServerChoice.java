package io.lmcache.cli;

import io.lmcache.server.ServerClient;
import io.lmcache.server.ServerOptions;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option that says which running server a command is about. */
final class ServerChoice {
    @Option(
            names = "--socket",
            paramLabel = "PATH",
            description = "The socket of the server; unless given, the one where 'lmcache serve' listens.")
    private @Nullable Path socket;

    Path socket() {
        return socket == null ? ServerOptions.defaultSocket() : socket;
    }

    /** A client of the server; the caller closes it. */
    ServerClient connect() {
        return ServerClient.of(socket());
    }
}
