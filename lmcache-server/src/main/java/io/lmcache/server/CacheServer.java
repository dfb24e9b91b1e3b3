package io.lmcache.server;

import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.RateLimitedLog;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.server.ServerOptions.Tcp;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.NetUtil;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A cache for the engines of this host, in whatever process and language they run: their KV comes and goes through memory
 * that they share, all else over gRPC.
 *
 * <p>Thread-safe.
 */
public final class CacheServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CacheServer.class);
    /** A prompt of a million tokens takes four of them. */
    private static final int MAX_MESSAGE_BYTES = 32 << 20;

    private static final int MAX_CALLS_PER_CONNECTION = 256;
    /** More than the transfers that are allowed: however many of those wait, others are answered. More calls wait in turn. */
    private static final int CALL_THREADS = 2 * Transfers.MAX_IN_ALL + 64;

    private static final Duration CALL_THREAD_IDLE = Duration.ofMinutes(1);
    private static final Duration HANDSHAKE = Duration.ofSeconds(10);
    private static final Duration PIN_CHECK = Duration.ofSeconds(5);
    /** For what is left when the time for draining is over: calls are cancelled, which they see at their next chunk. */
    private static final Duration CANCEL_PATIENCE = Duration.ofSeconds(2);

    private final LmcacheStack stack;
    private final ServerOptions options;
    private final SocketFile socketFile;
    private final Sessions sessions = new Sessions();
    private final Gpus gpus;
    private final CallsInFlight calls = new CallsInFlight();
    private final KvCacheCalls service;
    private final EventLoopGroup eventLoops =
            new MultiThreadIoEventLoopGroup(2, daemons("lmcache-server-io"), NioIoHandler.newFactory());
    private final ExecutorService callThreads = callThreads();
    private final ScheduledExecutorService sweeper =
            Executors.newSingleThreadScheduledExecutor(daemons("lmcache-server-sweep"));
    private final RateLimitedLog troubles = new RateLimitedLog(LoggerFactory.getLogger(CacheServer.class)::warn);
    private final List<Server> servers = new CopyOnWriteArrayList<>();
    private final Admission admission;
    private final ServerMeters meters;
    private final HealthCheck healthCheck;
    private final CountDownLatch stop = new CountDownLatch(1);
    private @Nullable Server tcpServer;

    private CacheServer(LmcacheStack stack, ServerOptions options, SocketFile socketFile, MeterRegistry registry) {
        this.stack = stack;
        this.options = options;
        this.socketFile = socketFile;
        this.gpus = new Gpus(stack.hostMemory());
        this.admission = new Admission(socketFile.owner());
        this.meters = new ServerMeters(registry);
        meters.show(sessions);
        meters.show(gpus);
        meters.show(calls);
        this.healthCheck = new HealthCheck(stack, options.version(), calls);
        this.service =
                new KvCacheCalls(stack, options.version(), sessions, gpus, calls, meters, healthCheck, stop::countDown);
    }

    private static ExecutorService callThreads() {
        ThreadPoolExecutor threads = new ThreadPoolExecutor(
                CALL_THREADS,
                CALL_THREADS,
                CALL_THREAD_IDLE.toMillis(),
                TimeUnit.MILLISECONDS,
                new LinkedBlockingQueue<>(),
                daemons("lmcache-server-call"));
        threads.allowCoreThreadTimeOut(true);
        return threads;
    }

    private static ThreadFactory daemons(String name) {
        return Thread.ofPlatform().daemon().name(name + "-", 0).factory();
    }

    /**
     * A server over this stack, which takes calls when this returns. The stack stays the caller's, who closes it after the
     * server.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when it cannot listen; nothing stays open
     */
    public static CacheServer start(LmcacheStack stack, ServerOptions options) {
        return start(stack, options, new CompositeMeterRegistry());
    }

    /**
     * As {@link #start(LmcacheStack, ServerOptions)}, and shows what the server does in this registry, which stays the
     * caller's.
     */
    public static CacheServer start(LmcacheStack stack, ServerOptions options, MeterRegistry meters) {
        return start(stack, options, SocketFile.claim(options.socket()), meters);
    }

    /** As the others, in a place that was claimed before; it is the server's from here on. */
    static CacheServer start(LmcacheStack stack, ServerOptions options, SocketFile socketFile, MeterRegistry meters) {
        CacheServer server = new CacheServer(stack, options, socketFile, meters);
        try {
            server.listen();
            return server;
        } catch (IOException e) {
            server.close();
            throw new LmcacheException(ErrorCode.START_FAILED, "The server cannot listen: " + e.getMessage(), e);
        } catch (RuntimeException e) {
            server.close();
            throw e;
        }
    }

    private void listen() throws IOException {
        listenOnSocket();
        if (options.tcp().isPresent()) {
            Tcp tcp = options.tcp().get();
            if (!tcp.address().getAddress().isLoopbackAddress()) {
                LOG.warn(
                        "Listening on {}: other hosts can reach it, and what goes over it, prompts included, is not"
                                + " encrypted",
                        tcp.address());
            }
            tcpServer = start(NettyServerBuilder.forAddress(tcp.address())
                    .channelFactory(() -> admitted(new NioServerSocketChannel()))
                    .intercept(TokenCheck.read(tcp.tokenFile()))
                    // A peer whose host is gone closes no connection.
                    .keepAliveTime(10, TimeUnit.SECONDS)
                    .keepAliveTimeout(10, TimeUnit.SECONDS));
        }
        var _ = sweeper.scheduleWithFixedDelay(
                this::sweep, PIN_CHECK.toMillis(), PIN_CHECK.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void listenOnSocket() throws IOException {
        start(NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(socketFile.bindPath()))
                .channelFactory(() -> admitted(new NioServerDomainSocketChannel()))
                // gRPC sets it; a Unix domain socket has no such option, and Netty warns.
                .withChildOption(ChannelOption.SO_KEEPALIVE, null));
        socketFile.publish();
    }

    private ServerChannel admitted(ServerChannel listening) {
        listening.pipeline().addFirst(admission);
        return listening;
    }

    private Server start(NettyServerBuilder builder) throws IOException {
        Server server = builder.bossEventLoopGroup(eventLoops)
                .workerEventLoopGroup(eventLoops)
                .executor(callThreads)
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
                .permitKeepAliveTime(1, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true)
                .handshakeTimeout(HANDSHAKE.toMillis(), TimeUnit.MILLISECONDS)
                .addService(service)
                .build()
                .start();
        servers.add(server);
        return server;
    }

    private void sweep() {
        releaseExpiredPins();
        try {
            restoreSocket();
        } catch (IOException | RuntimeException e) {
            troubles.warn("Clients cannot find the server: its socket is lost, and is not to be had again", e);
        }
    }

    /** Temporary-file cleaners take sockets, too. Connections that are open stay, with what they hold. */
    private synchronized void restoreSocket() throws IOException {
        if (!calls.isDraining() && socketFile.isLost()) {
            socketFile.reclaim();
            listenOnSocket();
            LOG.warn("The socket {} was gone, and is there again", socketFile.path());
        }
    }

    private void releaseExpiredPins() {
        long now = System.nanoTime();
        sessions.all().forEach(session -> session.pins().releaseExpired(now));
    }

    /**
     * The addresses for clients, as gRPC writes them, such as {@code unix:/run/user/1000/lmcache/server.sock}, and
     * {@code 127.0.0.1:4711} where it listens on TCP, too.
     */
    public List<String> addresses() {
        List<String> addresses = new ArrayList<>(List.of("unix:" + socketFile.path()));
        Server onTcp = tcpServer;
        if (onTcp != null) {
            InetAddress host = options.tcp().orElseThrow().address().getAddress();
            addresses.add(NetUtil.toSocketAddressString(new InetSocketAddress(host, onTcp.getPort())));
        }
        return addresses;
    }

    /** How it is. */
    public ServerHealth health() {
        return healthCheck.health();
    }

    /** Asks it to stop: who {@linkplain #awaitStop waits} for that goes on. */
    public void stop() {
        stop.countDown();
    }

    /** Waits until somebody, a client perhaps, asks it to stop; whoever started it then closes it. */
    public void awaitStop() throws InterruptedException {
        stop.await();
    }

    /** The names of the tiers that are served, fastest first. */
    public List<String> tiers() {
        return stack.tiers();
    }

    /**
     * Ends the server: refuses new calls, waits for those under way as long as the options say, then ends all sessions and
     * lets go of all memory of engines. Idempotent.
     */
    @Override
    public void close() {
        if (!calls.drain()) {
            return;
        }
        boolean interrupted = false;
        sessions.all().forEach(Session::announceDraining);
        try {
            if (!calls.awaitNone(options.drainLimit())) {
                LOG.warn("Calls are still under way after {}; they are cancelled", options.drainLimit());
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        endSessions();
        interrupted |= !stopServers();
        sweeper.shutdownNow();
        meters.close();
        callThreads.shutdown();
        var _ = eventLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        // A call that did not end may still have work on its GPU; the end of the process takes both.
        if (calls.isIdle()) {
            gpus.close();
        }
        closeSocketFile();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void endSessions() {
        for (Session session : sessions.all()) {
            session.end();
            sessions.close(session);
        }
    }

    /** False when interrupted. */
    private boolean stopServers() {
        servers.forEach(Server::shutdown);
        try {
            for (Server server : servers) {
                if (!server.awaitTermination(CANCEL_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                    server.shutdownNow();
                }
            }
            if (!calls.awaitNone(CANCEL_PATIENCE)) {
                LOG.warn("Calls did not end when they were cancelled");
            }
            return true;
        } catch (InterruptedException e) {
            servers.forEach(Server::shutdownNow);
            return false;
        }
    }

    private synchronized void closeSocketFile() {
        try {
            socketFile.close();
        } catch (IOException e) {
            LOG.warn("The socket {} could not be removed", socketFile.path(), e);
        }
    }

    @Override
    public String toString() {
        return "CacheServer[" + options.socket() + ", " + stack + "]";
    }
}
