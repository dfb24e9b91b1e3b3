package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.grpc.stub.StreamObserver;
import io.lmcache.server.protocol.Draining;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.SessionEvent;
import io.lmcache.server.protocol.Welcome;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;

/** A client, and what it holds: registered KV caches and pins. Thread-safe. */
final class Session {
    private final ByteString id;
    private final String client;
    private final StreamObserver<SessionEvent> events;
    private final AtomicLong lastCacheId = new AtomicLong();
    private final ConcurrentMap<Long, RegisteredCache> caches = new ConcurrentHashMap<>();
    private final Pins pins = new Pins();
    private volatile boolean closed;

    Session(ByteString id, String client, StreamObserver<SessionEvent> events) {
        this.id = id;
        this.client = client;
        this.events = events;
    }

    ByteString id() {
        return id;
    }

    Pins pins() {
        return pins;
    }

    Collection<RegisteredCache> caches() {
        return List.copyOf(caches.values());
    }

    /** Takes over the registration; its id. */
    long add(RegisteredCache cache) {
        long cacheId = lastCacheId.incrementAndGet();
        caches.put(cacheId, cache);
        // After the put: a close that missed it is seen here, and one that comes later finds it.
        if (closed) {
            retireAll();
            throw Sessions.unknown();
        }
        return cacheId;
    }

    RegisteredCache cache(long cacheId) {
        RegisteredCache cache = caches.get(cacheId);
        if (cache == null) {
            throw unknownCache(cacheId);
        }
        return cache;
    }

    /** Lets a registration go; completes when its memory is unmapped. */
    CompletableFuture<Void> remove(long cacheId) {
        RegisteredCache cache = caches.remove(cacheId);
        if (cache == null) {
            throw unknownCache(cacheId);
        }
        return cache.retire();
    }

    private static Refusal unknownCache(long cacheId) {
        return new Refusal(
                Reason.UNKNOWN_KV_CACHE,
                "This session has no KV cache " + Long.toUnsignedString(cacheId) + "; register it first");
    }

    /** Makes the session known and welcomes the client, whose calls may come at once. No other event is the first. */
    synchronized void begin(Welcome welcome, Runnable makeKnown) {
        makeKnown.run();
        events.onNext(SessionEvent.newBuilder().setWelcome(welcome).build());
    }

    /** Tells the client that the server is about to end. */
    void announceDraining() {
        send(() -> events.onNext(SessionEvent.newBuilder()
                .setDraining(Draining.getDefaultInstance())
                .build()));
    }

    /** Ends the client's stream. */
    void end() {
        send(events::onCompleted);
    }

    /** In turns, as a stream demands, and not to a client that has gone. */
    private synchronized void send(Runnable event) {
        if (!closed) {
            event.run();
        }
    }

    /** Lets everything go that the client holds, transfers under way excepted until they are done. Idempotent. */
    void close() {
        closed = true;
        retireAll();
        pins.close();
    }

    private void retireAll() {
        for (Long cacheId : List.copyOf(caches.keySet())) {
            RegisteredCache cache = caches.remove(cacheId);
            if (cache != null) {
                var _ = cache.retire();
            }
        }
    }

    @Override
    public String toString() {
        return client.isEmpty() ? "a client without a name" : client;
    }
}
