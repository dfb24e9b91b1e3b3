package io.lmcache.backend.redis;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.MaintNotificationsConfig;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisCredentialsProvider;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.SslOptions;
import io.lettuce.core.SslVerifyMode;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.cluster.SlotHash;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.DefaultClientResources;
import io.lmcache.backend.redis.RedisAddress.Host;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The servers behind an address, and which of them has what. One that says that it is no cluster is all there is; of a
 * cluster the map of slots is asked for, and again after a node has said that it moved.
 *
 * <p>Makes no connection before it is asked something, so that a server may be absent when a cache starts. Thread-safe.
 */
final class RedisServers implements AutoCloseable {
    /** A map of slots that was wrong is not asked for again sooner. */
    private static final long PAUSE_NANOS = Duration.ofMillis(500).toNanos();

    private static final int IO_THREADS = 2;
    private static final Duration SHUTDOWN = Duration.ofSeconds(2);

    private final RedisSettings settings;
    private final ClientResources resources;
    private final RedisClient client;
    private final RedisConnector connector;
    // Guarded by this.
    private final Map<Host, RedisNode> nodes = new HashMap<>();
    private @Nullable CompletableFuture<RedisRoute> route;
    private long routedAt;
    private int seed;
    private boolean closed;

    RedisServers(RedisSettings settings) {
        this.settings = settings;
        this.resources = DefaultClientResources.builder()
                .ioThreadPoolSize(IO_THREADS)
                .computationThreadPoolSize(2)
                .nettyCustomizer(PayloadWriter.customizer(settings.timeout()))
                .build();
        this.client = RedisClient.create(resources);
        client.setOptions(options(settings));
        this.connector = new RedisConnector(client, settings.timeout());
    }

    /** Commands have no deadline of Lettuce's: a connection that is silent too long ends all that waits for it. */
    private static ClientOptions options(RedisSettings settings) {
        ClientOptions.Builder options = ClientOptions.builder()
                .autoReconnect(false)
                .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                .protocolVersion(ProtocolVersion.RESP2)
                .maintNotificationsConfig(MaintNotificationsConfig.disabled())
                .socketOptions(SocketOptions.builder()
                        .connectTimeout(settings.timeout())
                        .tcpNoDelay(true)
                        .keepAlive(true)
                        .build())
                .timeoutOptions(TimeoutOptions.create());
        if (settings.address().isTls()) {
            options.sslOptions(sslOptions(settings.tls()));
        }
        return options.build();
    }

    private static SslOptions sslOptions(RedisSettings.Tls tls) {
        SslOptions.Builder options = SslOptions.builder().jdkSslProvider();
        tls.trusted().ifPresent(file -> options.trustManager(file.toFile()));
        if (tls.certificate().isPresent() && tls.key().isPresent()) {
            options.keyManager(tls.certificate().get().toFile(), tls.key().get().toFile(), null);
        }
        return options.build();
    }

    /** The map of servers; asked for when there is none. */
    synchronized CompletableFuture<RedisRoute> route() {
        CompletableFuture<RedisRoute> current = route;
        if (closed) {
            return CompletableFuture.failedFuture(new IllegalStateException("the connections are closed"));
        }
        boolean isFailed = current != null && current.isCompletedExceptionally();
        if (current == null || (isFailed && System.nanoTime() - routedAt > PAUSE_NANOS)) {
            routedAt = System.nanoTime();
            current = find();
            route = current;
        }
        return current;
    }

    private CompletableFuture<RedisRoute> find() {
        List<Host> hosts = settings.address().hosts();
        if (settings.address().master().isPresent()) {
            return CompletableFuture.completedFuture(new RedisRoute.Single(node(hosts.getFirst())));
        }
        Host host = hosts.get(Math.floorMod(seed++, hosts.size()));
        RedisNode node = node(host);
        return node.control().call(RedisCommands.clusterSlots()).handle((ranges, error) -> {
            if (error == null) {
                return slots(ranges, host);
            }
            // A server that is no cluster says so as an error.
            if (unwrapped(error) instanceof RedisCommandExecutionException) {
                return new RedisRoute.Single(node);
            }
            throw new CompletionException(unwrapped(error));
        });
    }

    static Throwable unwrapped(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }

    /** The reply has for each range of slots its ends and its servers, the one to write to first. */
    private synchronized RedisRoute slots(List<Object> ranges, Host asked) {
        @Nullable RedisNode[] bySlot = new @Nullable RedisNode[SlotHash.SLOT_COUNT];
        for (Object range : ranges) {
            if (range instanceof List<?> parts
                    && parts.size() > 2
                    && parts.get(0) instanceof Long first
                    && parts.get(1) instanceof Long last
                    && parts.get(2) instanceof List<?> server
                    && server.size() > 1
                    && server.get(1) instanceof Long port) {
                RedisNode node = node(new Host(nameOf(server.get(0), asked), port.intValue()));
                for (int slot = first.intValue(); slot <= last.intValue(); slot++) {
                    bySlot[slot] = node;
                }
            }
        }
        return new RedisRoute.Slots(bySlot);
    }

    /** A node that does not know its own name leaves it out. */
    private static String nameOf(@Nullable Object name, Host asked) {
        String text = name instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : "";
        return text.isEmpty() ? asked.name() : text;
    }

    private synchronized RedisNode node(Host host) {
        return nodes.computeIfAbsent(host, _ -> new RedisNode(connector, uri(host), settings.connections()));
    }

    private RedisURI uri(Host host) {
        RedisAddress address = settings.address();
        RedisURI.Builder uri;
        if (address.master().isPresent()) {
            uri = RedisURI.builder().withSentinelMasterId(address.master().get());
            for (Host sentinel : address.hosts()) {
                uri.withSentinel(sentinel.name(), sentinel.port());
            }
        } else {
            uri = RedisURI.builder().withHost(host.name()).withPort(host.port());
        }
        RedisURI made = uri.withDatabase(address.database())
                .withTimeout(settings.timeout())
                .withAuthentication(RedisCredentialsProvider.from(settings.credentials()::now))
                .withSsl(address.isTls())
                .withVerifyPeer(
                        switch (settings.tls().check()) {
                            case FULL -> SslVerifyMode.FULL;
                            case CA -> SslVerifyMode.CA;
                            case NONE -> SslVerifyMode.NONE;
                        })
                .build();
        made.setLibraryName("");
        made.setLibraryVersion("");
        return made;
    }

    /** Asks for the map anew next time: some server is not where it was. */
    synchronized void forgetRoute() {
        if (route != null && route.isDone() && System.nanoTime() - routedAt > PAUSE_NANOS) {
            route = null;
        }
    }

    /** As {@link #forgetRoute}, and looks for a sentinel's master anew: a server does no longer take writes. */
    synchronized void forgetServers() {
        nodes.values().forEach(RedisNode::drop);
        forgetRoute();
    }

    /** Ends all connections, and with them what waits for a reply. Idempotent; waits for seconds at most. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            nodes.values().forEach(RedisNode::close);
        }
        connector.close();
        CompletableFuture<Void> ended = client.shutdownAsync(0, SHUTDOWN.toMillis(), TimeUnit.MILLISECONDS);
        try {
            Optional.ofNullable(ended.completeOnTimeout(null, SHUTDOWN.toMillis(), TimeUnit.MILLISECONDS))
                    .ifPresent(CompletableFuture::join);
        } catch (CompletionException e) {
            // The threads below end whatever the client could not.
        }
        Future<Boolean> threads = resources.shutdown(0, SHUTDOWN.toMillis(), TimeUnit.MILLISECONDS);
        threads.awaitUninterruptibly(SHUTDOWN.toMillis());
    }
}
