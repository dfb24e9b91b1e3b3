package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.grpc.stub.StreamObserver;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.SessionEvent;
import io.lmcache.server.protocol.Welcome;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The sessions of a server. Thread-safe. */
final class Sessions {
    private static final Logger LOG = LoggerFactory.getLogger(Sessions.class);
    private static final int ID_BYTES = 16;
    /** Far more than a host has ranks, and a bound for a client that opens one after the other. */
    private static final int MAX = 1024;

    private final SecureRandom random = new SecureRandom();
    private final ConcurrentMap<ByteString, Session> sessions = new ConcurrentHashMap<>();

    /** Opens one; its first event is the welcome that is made for its id. */
    Session open(String client, StreamObserver<SessionEvent> events, Function<ByteString, Welcome> welcome) {
        if (sessions.size() >= MAX) {
            throw new Refusal(Reason.BUSY, MAX + " sessions are open; end some, or see which client opens so many");
        }
        byte[] id = new byte[ID_BYTES];
        random.nextBytes(id);
        Session session = new Session(ByteString.copyFrom(id), client, events);
        session.begin(welcome.apply(session.id()), () -> sessions.put(session.id(), session));
        LOG.info("Session of {} opened", session);
        return session;
    }

    Session session(ByteString id) {
        Session session = sessions.get(id);
        if (session == null) {
            throw unknown();
        }
        return session;
    }

    static Refusal unknown() {
        return new Refusal(
                Reason.UNKNOWN_SESSION,
                "There is no such session: it has ended, or the server was restarted; open a new one and register again");
    }

    /** Ends a session and lets go what it holds. Idempotent. */
    void close(Session session) {
        if (sessions.remove(session.id()) != null) {
            session.close();
            LOG.info("Session of {} ended", session);
        }
    }

    Collection<Session> all() {
        return List.copyOf(sessions.values());
    }

    /** Every registration of every session. */
    List<Registration> registrations() {
        return sessions.values().stream()
                .flatMap(session -> session.registrations().stream())
                .toList();
    }

    /** Those of paged KV caches. */
    List<RegisteredCache> caches() {
        List<RegisteredCache> caches = new ArrayList<>();
        for (Registration registration : registrations()) {
            if (registration instanceof RegisteredCache cache) {
                caches.add(cache);
            }
        }
        return caches;
    }
}
