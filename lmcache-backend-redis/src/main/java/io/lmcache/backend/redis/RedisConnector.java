package io.lmcache.backend.redis;

import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.ByteArrayCodec;
import java.io.IOException;
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
    private final RedisClient client;
    private final Duration timeout;
    /** Connections that are made now, and those that are there, each with its activation. */
    private final Map<Object, CompletableFuture<Void>> activations = new ConcurrentHashMap<>();

    RedisConnector(RedisClient client, Duration timeout) {
        this.client = client;
        this.timeout = timeout;
        client.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisConnected(RedisChannelHandler<?, ?> connection, SocketAddress server) {
                activation(connection).complete(null);
            }

            @Override
            public void onRedisDisconnected(RedisChannelHandler<?, ?> connection) {
                activation(connection).completeExceptionally(new IOException("the connection was lost"));
                activations.remove(connection);
            }
        });
    }

    private CompletableFuture<Void> activation(Object connection) {
        return activations.computeIfAbsent(connection, _ -> new CompletableFuture<>());
    }

    CompletableFuture<StatefulRedisConnection<byte[], byte[]>> connect(RedisURI server) {
        return client.connectAsync(ByteArrayCodec.INSTANCE, server)
                .toCompletableFuture()
                .thenCompose(connection -> activation(connection)
                        .copy()
                        .orTimeout(timeout.toNanos(), TimeUnit.NANOSECONDS)
                        .thenApply(_ -> connection));
    }
}
