package io.lmcache.backend.redis;

import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.protocol.AsyncCommand;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A connection, and what was sent over it and is not answered yet. Where it is lost, all of that fails: also what Lettuce keeps for
 * a reconnect that never comes, since the connection was lost while it was sent. Thread-safe.
 */
final class RedisConnection {
    private final CompletableFuture<Void> activation = new CompletableFuture<>();
    private final Map<Long, List<? extends AsyncCommand<byte[], byte[], ?>>> underway = new ConcurrentHashMap<>();
    private final AtomicLong numbers = new AtomicLong();
    private volatile boolean lost;

    /** Completes when the connection takes commands; fails when it is lost before. */
    CompletableFuture<Void> activation() {
        return activation;
    }

    void activated() {
        activation.complete(null);
    }

    boolean isLost() {
        return lost;
    }

    /** Sends commands in one go. */
    void send(
            List<? extends AsyncCommand<byte[], byte[], ?>> commands,
            StatefulRedisConnection<byte[], byte[]> connection) {
        long number = numbers.getAndIncrement();
        underway.put(number, commands);
        var _ = CompletableFuture.allOf(commands.toArray(CompletableFuture[]::new))
                .whenComplete((_, _) -> underway.remove(number));
        connection.dispatch(commands);
        if (lost) {
            fail(commands);
        }
    }

    /** Notes that it is lost, and fails what waits for an answer. */
    void lose() {
        lost = true;
        activation.completeExceptionally(lostOne());
        underway.values().forEach(RedisConnection::fail);
    }

    private static void fail(List<? extends AsyncCommand<byte[], byte[], ?>> commands) {
        commands.forEach(command -> command.completeExceptionally(lostOne()));
    }

    private static IOException lostOne() {
        return new IOException("the connection was lost");
    }
}
