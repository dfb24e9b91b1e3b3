package io.lmcache.server;

import io.lmcache.core.config.LmcacheConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** A server for tests in a process of its own: the arguments are the socket and the seconds to drain. */
final class ServerMain {
    private ServerMain() {}

    public static void main(String[] arguments) throws InterruptedException {
        ServerOptions options = new ServerOptions(
                Path.of(arguments[0]), Optional.empty(), Duration.ofSeconds(Long.parseLong(arguments[1])), "test");
        ServerRun.serve(LmcacheConfig.load(), options, server -> System.out.println("ready"));
    }
}
