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
    /** A rank has one, and a bound for a client that maps without end. */
    private static final int MAX_REGISTRATIONS = 64;

    private final ByteString id;
    private final String client;
    private final StreamObserver<SessionEvent> events;
    private final AtomicLong lastId = new AtomicLong();
    private final ConcurrentMap<Long, Registration> registrations = new ConcurrentHashMap<>();
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

    Collection<Registration> registrations() {
        return List.copyOf(registrations.values());
    }

    /** Takes over the registration; its id. */
    long add(Registration registration) {
        if (registrations.size() >= MAX_REGISTRATIONS) {
            var _ = registration.retire();
            throw new Refusal(Reason.BUSY, "This session has " + MAX_REGISTRATIONS + " registrations; unregister some");
        }
        long id = lastId.incrementAndGet();
        registrations.put(id, registration);
        // After the put: a close that missed it is seen here, and one that comes later finds it.
        if (closed) {
            retireAll();
            throw Sessions.unknown();
        }
        return id;
    }

    RegisteredCache cache(long id) {
        if (registrations.get(id) instanceof RegisteredCache cache) {
            return cache;
        }
        throw unknown("KV cache", id);
    }

    RegisteredRows rows(long id) {
        if (registrations.get(id) instanceof RegisteredRows rows) {
            return rows;
        }
        throw unknown("rows", id);
    }

    /** Lets a registration go; completes when its memory is unmapped. */
    CompletableFuture<Void> remove(long id) {
        Registration registration = registrations.remove(id);
        if (registration == null) {
            throw unknown("registration", id);
        }
        return registration.retire();
    }

    private static Refusal unknown(String kind, long id) {
        return new Refusal(
                Reason.UNKNOWN_KV_CACHE,
                "This session has no " + kind + " " + Long.toUnsignedString(id) + "; register first");
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
        for (Long id : List.copyOf(registrations.keySet())) {
            Registration registration = registrations.remove(id);
            if (registration != null) {
                var _ = registration.retire();
            }
        }
    }

    @Override
    public String toString() {
        return client.isEmpty() ? "a client without a name" : client;
    }
}
