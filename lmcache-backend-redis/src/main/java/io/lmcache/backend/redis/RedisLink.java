package io.lmcache.backend.redis;

import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.protocol.AsyncCommand;
import io.lettuce.core.protocol.RedisCommand;
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
    private @Nullable CompletableFuture<StatefulRedisConnection<byte[], byte[]>> connection;
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
    CompletableFuture<Void> callAll(List<? extends RedisCommand<byte[], byte[], ?>> commands) {
        return open().thenAccept(open -> open.dispatch(commands));
    }

    private synchronized CompletableFuture<StatefulRedisConnection<byte[], byte[]>> open() {
        CompletableFuture<StatefulRedisConnection<byte[], byte[]>> current = connection;
        if (closed) {
            return CompletableFuture.failedFuture(new IllegalStateException("the connection is closed"));
        }
        if (current == null || isLost(current)) {
            openedAt = System.nanoTime();
            current = connector.connect(server);
            connection = current;
        }
        return current;
    }

    private boolean isLost(CompletableFuture<StatefulRedisConnection<byte[], byte[]>> current) {
        if (!current.isDone()) {
            return false;
        }
        return current.isCompletedExceptionally()
                ? System.nanoTime() - openedAt > PAUSE_NANOS
                : !current.join().isOpen();
    }

    /** Gives the connection up; what is under way on it fails. The next call makes another. */
    synchronized void drop() {
        CompletableFuture<StatefulRedisConnection<byte[], byte[]>> current = connection;
        connection = null;
        if (current != null) {
            var _ = current.thenCompose(
                    open -> open.isOpen() ? open.closeAsync() : CompletableFuture.<Void>completedFuture(null));
        }
    }

    /** Makes no connection any more; the client ends the one that there is. */
    synchronized void close() {
        closed = true;
    }
}
