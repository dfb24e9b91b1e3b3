package io.lmcache.server;

import io.lmcache.core.config.LmcacheConfig;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * A server for tests in a process of its own: the arguments are the socket and the seconds to drain, TEST_METRICS_PORT says
 * where to answer over HTTP.
 */
final class ServerMain {
    private ServerMain() {}

    public static void main(String[] arguments) throws InterruptedException {
        ServerOptions options = new ServerOptions(
                Path.of(arguments[0]), Optional.empty(), Duration.ofSeconds(Long.parseLong(arguments[1])), "test");
        Optional<InetSocketAddress> metrics = Optional.ofNullable(System.getenv("TEST_METRICS_PORT"))
                .map(port -> new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(port)));
        ServerRun.serve(LmcacheConfig.load(), options, metrics, ready -> {
            ready.metrics().ifPresent(address -> System.out.println("metrics on " + address.getPort()));
            System.out.println("ready");
        });
    }
}
