package io.lmcache.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Stands between a client and a server on the loopback: makes the way long or narrow, cuts it, and counts. For tests of
 * backends whose store is a server. Thread-safe.
 */
public final class TcpProxy implements AutoCloseable {
    private static final long NEVER = Long.MAX_VALUE;

    private final ServerSocket listener;
    private final int target;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    /** All connections are cut when so many further bytes have come from the server, or gone to it. */
    private final AtomicLong fromServer = new AtomicLong(NEVER);

    private final AtomicLong toServer = new AtomicLong(NEVER);
    private final AtomicInteger turns = new AtomicInteger();
    private volatile boolean lastWasReply = true;
    private volatile long delayNanos;
    private volatile long bytesPerSecond = NEVER;

    /** A way to the server at that port. */
    public TcpProxy(int target) {
        this.target = target;
        try {
            this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Thread.ofVirtual().start(this::accept);
    }

    /** Where clients connect to, such as {@code redis://127.0.0.1:4711}. */
    public String url(String scheme) {
        return scheme + "://127.0.0.1:" + listener.getLocalPort();
    }

    /** Cuts all connections when so many further bytes have come from the server; then lets new ones through. */
    public void cutAfterReply(long bytes) {
        fromServer.set(bytes);
    }

    /** Cuts all connections when so many further bytes have gone to the server; then lets new ones through. */
    public void cutAfterRequest(long bytes) {
        toServer.set(bytes);
    }

    /** How long each piece of data is held, either way. */
    public void delay(long millis) {
        delayNanos = millis * 1_000_000;
    }

    /** How many bytes a second pass, each way of each connection. */
    public void limit(long bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
    }

    /** How often a request has followed a reply, or was the first: the round trips. */
    public int roundTrips() {
        return turns.get();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket client = listener.accept();
                sockets.add(client);
                Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
                sockets.add(server);
                client.setTcpNoDelay(true);
                server.setTcpNoDelay(true);
                Thread.ofVirtual().start(() -> pump(client, server, false));
                Thread.ofVirtual().start(() -> pump(server, client, true));
            } catch (IOException e) {
                // The proxy closes, or the server is gone: the client sees that its connection is.
                cut();
            }
        }
    }

    private void pump(Socket from, Socket to, boolean isReply) {
        AtomicLong budget = isReply ? fromServer : toServer;
        byte[] buffer = new byte[64 << 10];
        try (from;
                to;
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream()) {
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                count(isReply);
                slow(count);
                long left = budget.get() == NEVER ? NEVER : budget.addAndGet(-count);
                out.write(buffer, 0, (int) (left < 0 ? Math.max(0, count + left) : count));
                if (left < 0) {
                    budget.set(NEVER);
                    cut();
                    return;
                }
            }
        } catch (IOException e) {
            // One side is gone: the other one is closed as well.
        } finally {
            sockets.remove(from);
            sockets.remove(to);
        }
    }

    private synchronized void count(boolean isReply) {
        if (lastWasReply && !isReply) {
            turns.incrementAndGet();
        }
        lastWasReply = isReply;
    }

    private void slow(int count) {
        long nanos = delayNanos + (bytesPerSecond == NEVER ? 0 : count * 1_000_000_000L / bytesPerSecond);
        long end = System.nanoTime() + nanos;
        while (nanos > 0 && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(end - System.nanoTime());
        }
    }

    /** Cuts all connections now. */
    public void cut() {
        for (Socket socket : sockets) {
            try {
                socket.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        cut();
    }

    @Override
    public String toString() {
        return "way to port " + target;
    }
}
