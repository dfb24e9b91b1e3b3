package io.lmcache.backend.redis;

import io.lettuce.core.RedisURI;
import io.lettuce.core.protocol.AsyncCommand;
import io.lmcache.backend.redis.RedisConnector.Open;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One connection to a server: made when it is first needed, and again when it was lost. What was under way on a lost one
 * has failed; nothing is ever sent twice.
 *
 * <p>Thread-safe.
 */
final class RedisLink {
    /** A server that refuses connections is not asked again sooner. */
    private static final long PAUSE_NANOS = Duration.ofMillis(250).toNanos();

    private final RedisConnector connector;
    private final RedisURI server;
    // Guarded by this.
    private @Nullable CompletableFuture<Open> connection;
    private long openedAt;
    private boolean closed;

    RedisLink(RedisConnector connector, RedisURI server) {
        this.connector = connector;
        this.server = server;
    }

    /** Sends a command; completes with its reply. */
    <T> CompletableFuture<T> call(AsyncCommand<byte[], byte[], T> command) {
        return callAll(List.of(command)).thenCompose(_ -> command);
    }

    /** Sends commands in one go; completes when they are on their way, each of them with its reply. */
    CompletableFuture<Void> callAll(List<? extends AsyncCommand<byte[], byte[], ?>> commands) {
        return open().thenAccept(open -> open.state().send(commands, open.lettuces()));
    }

    private synchronized CompletableFuture<Open> open() {
        CompletableFuture<Open> current = connection;
        if (closed) {
            return CompletableFuture.failedFuture(new IOException("the connection is closed"));
        }
        if (current == null || isLost(current)) {
            openedAt = System.nanoTime();
            // One of our own, to be failed when Lettuce leaves it open.
            CompletableFuture<Open> made = new CompletableFuture<>();
            var _ = connector.connect(server).whenComplete((open, error) -> {
                if (error == null) {
                    made.complete(open);
                } else {
                    made.completeExceptionally(error);
                }
            });
            connection = made;
            return made;
        }
        return current;
    }

    private boolean isLost(CompletableFuture<Open> current) {
        if (!current.isDone()) {
            return false;
        }
        return current.isCompletedExceptionally()
                ? System.nanoTime() - openedAt > PAUSE_NANOS
                : current.join().state().isLost();
    }

    /** Gives the connection up; what is under way on it fails. The next call makes another. */
    synchronized void drop() {
        CompletableFuture<Open> current = connection;
        connection = null;
        if (current != null) {
            var _ = current.thenCompose(open -> open.state().isLost()
                    ? CompletableFuture.<Void>completedFuture(null)
                    : open.lettuces().closeAsync());
        }
    }

    /** Makes no connection any more; whoever waits for one waits in vain, and is told so. */
    void close() {
        CompletableFuture<Open> current;
        synchronized (this) {
            closed = true;
            current = connection;
        }
        if (current != null) {
            current.completeExceptionally(new IOException("the connection is closed"));
        }
    }
}
