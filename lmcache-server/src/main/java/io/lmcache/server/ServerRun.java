package io.lmcache.server;

import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;

/** A server as the business of a whole process: serves until the process is told to end, then drains. Stateless. */
public final class ServerRun {
    private ServerRun() {}

    /**
     * Opens the stack of the configuration and serves it. Does not return before the process ends, by SIGTERM or SIGINT.
     *
     * @param ready is told, once, when the server takes calls
     * @throws io.lmcache.api.LmcacheException when a tier or the server cannot start; nothing stays open
     */
    public static void serve(LmcacheConfig config, ServerOptions options, Consumer<CacheServer> ready)
            throws InterruptedException {
        // Before the stack takes its memory: where a server runs already, there is none to spare.
        SocketFile socketFile = SocketFile.claim(options.socket());
        LmcacheStack stack = open(config, socketFile);
        CacheServer server = start(stack, options, socketFile);
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            server.close();
                            stack.close();
                        },
                        "lmcache-server-end"));
        ready.accept(server);
        new CountDownLatch(1).await();
    }

    private static LmcacheStack open(LmcacheConfig config, SocketFile socketFile) {
        try {
            return Lmcache.open(config);
        } catch (RuntimeException e) {
            try {
                socketFile.close();
            } catch (IOException notClosed) {
                e.addSuppressed(notClosed);
            }
            throw e;
        }
    }

    private static CacheServer start(LmcacheStack stack, ServerOptions options, SocketFile socketFile) {
        try {
            return CacheServer.start(stack, options, socketFile);
        } catch (RuntimeException e) {
            stack.close();
            throw e;
        }
    }
}
