package io.lmcache.backend.redis;

import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.ByteArrayCodec;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Makes connections that take commands.
 *
 * <p>Lettuce completes the future of a connection on another thread than the one that activates it, and one that is not
 * active yet refuses commands: so the event of its activation is awaited, too. Thread-safe.
 */
final class RedisConnector {
    /**
     * A connection that takes commands.
     *
     * @param lettuces the connection
     * @param state what was sent over it
     */
    record Open(StatefulRedisConnection<byte[], byte[]> lettuces, RedisConnection state) {}

    private final RedisClient client;
    private final Duration timeout;
    /** Connections that are made now, and those that are there. */
    private final Map<Object, RedisConnection> states = new ConcurrentHashMap<>();

    RedisConnector(RedisClient client, Duration timeout) {
        this.client = client;
        this.timeout = timeout;
        client.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisConnected(RedisChannelHandler<?, ?> connection, SocketAddress server) {
                stateOf(connection).activated();
            }

            @Override
            public void onRedisDisconnected(RedisChannelHandler<?, ?> connection) {
                stateOf(connection).lose();
                states.remove(connection);
            }
        });
    }

    private RedisConnection stateOf(Object connection) {
        return states.computeIfAbsent(connection, _ -> new RedisConnection());
    }

    CompletableFuture<Open> connect(RedisURI server) {
        return client.connectAsync(ByteArrayCodec.INSTANCE, server)
                .toCompletableFuture()
                .thenCompose(connection -> {
                    RedisConnection state = stateOf(connection);
                    return state.activation()
                            .copy()
                            .orTimeout(timeout.toNanos(), TimeUnit.NANOSECONDS)
                            .thenApply(_ -> new Open(connection, state));
                });
    }

    /** Fails whatever waits for an answer: no connection will give one any more. */
    void close() {
        states.values().forEach(RedisConnection::lose);
    }
}
