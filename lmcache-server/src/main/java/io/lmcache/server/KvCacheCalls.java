package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.PinnedPrefix;
import io.lmcache.api.spi.RateLimitedLog;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.engine.ModelStats;
import io.lmcache.core.engine.StackStats;
import io.lmcache.server.protocol.ClearRequest;
import io.lmcache.server.protocol.ClearResponse;
import io.lmcache.server.protocol.FindRowsRequest;
import io.lmcache.server.protocol.FindRowsResponse;
import io.lmcache.server.protocol.HealthRequest;
import io.lmcache.server.protocol.HealthResponse;
import io.lmcache.server.protocol.KvCacheServiceGrpc.KvCacheServiceImplBase;
import io.lmcache.server.protocol.LoadRowsResponse;
import io.lmcache.server.protocol.LookupAllRequest;
import io.lmcache.server.protocol.LookupAllResponse;
import io.lmcache.server.protocol.LookupRequest;
import io.lmcache.server.protocol.LookupResponse;
import io.lmcache.server.protocol.OpenSessionRequest;
import io.lmcache.server.protocol.PrefetchRequest;
import io.lmcache.server.protocol.PrefetchResponse;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.RegisterKvCacheRequest;
import io.lmcache.server.protocol.RegisterKvCacheResponse;
import io.lmcache.server.protocol.RegisterRowsRequest;
import io.lmcache.server.protocol.RegisterRowsResponse;
import io.lmcache.server.protocol.ReleasePinsRequest;
import io.lmcache.server.protocol.ReleasePinsResponse;
import io.lmcache.server.protocol.RetrieveRequest;
import io.lmcache.server.protocol.RetrieveResponse;
import io.lmcache.server.protocol.RowsRequest;
import io.lmcache.server.protocol.SessionEvent;
import io.lmcache.server.protocol.StatsRequest;
import io.lmcache.server.protocol.StatsResponse;
import io.lmcache.server.protocol.StopRequest;
import io.lmcache.server.protocol.StopResponse;
import io.lmcache.server.protocol.StoreRequest;
import io.lmcache.server.protocol.StoreResponse;
import io.lmcache.server.protocol.StoreRowsResponse;
import io.lmcache.server.protocol.TierStats;
import io.lmcache.server.protocol.UnregisterKvCacheRequest;
import io.lmcache.server.protocol.UnregisterKvCacheResponse;
import io.lmcache.server.protocol.Welcome;
import java.nio.IntBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The calls of the protocol. Thread-safe. */
final class KvCacheCalls extends KvCacheServiceImplBase {
    static final int PROTOCOL_VERSION = 1;

    private static final Logger LOG = LoggerFactory.getLogger(KvCacheCalls.class);
    private static final int MAX_PREFETCHES = 64;
    /** Longer than a transfer goes on with its chunk. */
    private static final Duration UNMAP_PATIENCE = Duration.ofSeconds(30);

    private final RateLimitedLog failures = new RateLimitedLog(LOG::warn);
    private final LmcacheStack stack;
    private final String serverVersion;
    private final Sessions sessions;
    private final Engines engines;
    private final CallsInFlight calls;
    private final Registrations registrations;
    private final Transfers transfers;
    private final ServerMeters meters;
    private final HealthCheck healthCheck;
    private final Runnable stop;
    private final RowTransfers rowTransfers;
    private final Semaphore prefetches = new Semaphore(MAX_PREFETCHES);

    /**
     * The calls to a server over this stack.
     *
     * @param stop called when a client says that the server shall end
     */
    KvCacheCalls(
            LmcacheStack stack,
            String serverVersion,
            Sessions sessions,
            Gpus gpus,
            CallsInFlight calls,
            ServerMeters meters,
            HealthCheck healthCheck,
            Runnable stop) {
        this.stack = stack;
        this.serverVersion = serverVersion;
        this.sessions = sessions;
        this.engines = new Engines(sessions);
        this.calls = calls;
        this.registrations = new Registrations(gpus, stack.chunkSize());
        this.transfers = new Transfers(stack);
        this.meters = meters;
        this.healthCheck = healthCheck;
        this.stop = stop;
        meters.show(transfers.copies());
        this.rowTransfers = new RowTransfers(stack);
    }

    @Override
    public void openSession(OpenSessionRequest request, StreamObserver<SessionEvent> observer) {
        try {
            calls.begin();
            try {
                openSession(request, (ServerCallStreamObserver<SessionEvent>) observer);
            } finally {
                calls.end();
            }
        } catch (Refusal e) {
            meters.refused(e.reason());
            observer.onError(e.toStatus());
        }
    }

    private void openSession(OpenSessionRequest request, ServerCallStreamObserver<SessionEvent> observer) {
        if (request.getProtocolVersion() != PROTOCOL_VERSION) {
            throw new Refusal(
                    Reason.VERSION_MISMATCH,
                    "The client speaks version " + Integer.toUnsignedLong(request.getProtocolVersion())
                            + " of the protocol, this server (" + serverVersion + ") version " + PROTOCOL_VERSION
                            + "; install a client and a server that fit together");
        }
        Session session = sessions.open(request.getClient(), observer, this::welcome);
        observer.setOnCancelHandler(() -> sessions.close(session));
        // Set too late for a client that went away in between.
        if (observer.isCancelled()) {
            sessions.close(session);
        }
    }

    private Welcome welcome(ByteString sessionId) {
        return Welcome.newBuilder()
                .setSessionId(sessionId)
                .setProtocolVersion(PROTOCOL_VERSION)
                .setServerVersion(serverVersion)
                .setChunkTokens(stack.chunkSize())
                .setPartialChunks(stack.savesUnfullChunks())
                .addAllTiers(stack.tiers())
                .setPinSeconds((int) Pins.LIFETIME.toSeconds())
                .setServerPid(ProcessHandle.current().pid())
                .build();
    }

    @Override
    public void registerKvCache(RegisterKvCacheRequest request, StreamObserver<RegisterKvCacheResponse> observer) {
        answer(observer, () -> {
            Session session = sessions.session(request.getSessionId());
            RegisteredCache cache = registrations.register(request);
            long id = session.add(cache);
            LOG.info("{} registered {}", session, cache);
            return RegisterKvCacheResponse.newBuilder()
                    .setKvCacheId(id)
                    .setBytesPerToken(cache.bytesPerToken())
                    .setConcurrentTransfers(cache.concurrentTransfers())
                    .build();
        });
    }

    @Override
    public void unregisterKvCache(
            UnregisterKvCacheRequest request, StreamObserver<UnregisterKvCacheResponse> observer) {
        answer(observer, () -> {
            awaitUnmapped(sessions.session(request.getSessionId()).remove(request.getKvCacheId()));
            return UnregisterKvCacheResponse.getDefaultInstance();
        });
    }

    /** Transfers under way end with their chunk. */
    private static void awaitUnmapped(CompletableFuture<Void> unmapped) {
        try {
            unmapped.copy()
                    .orTimeout(UNMAP_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
                    .join();
        } catch (CompletionException e) {
            throw new Refusal(
                    Reason.SERVER_FAILURE, "The KV cache is still mapped; do not free its memory: " + e.getCause());
        }
    }

    @Override
    public void lookup(LookupRequest request, StreamObserver<LookupResponse> observer) {
        answer(observer, () -> lookup(request));
    }

    @Override
    public void lookupAll(LookupAllRequest request, StreamObserver<LookupAllResponse> observer) {
        answer(observer, () -> {
            LookupAllResponse.Builder response = LookupAllResponse.newBuilder();
            request.getLookupsList().forEach(lookup -> response.addAnswers(lookup(lookup)));
            return response.build();
        });
    }

    private LookupResponse lookup(LookupRequest request) {
        Session session = sessions.session(request.getSessionId());
        IntBuffer tokens = IntBuffer.wrap(Packed.ints("tokens", request.getTokens()));
        Set<KeyScope> scopes = engines.scopes(request.getEngineId(), request.getTagsMap());
        int found = request.getPinId().isEmpty()
                ? shortest(scopes, tokens)
                : pin(session, request.getPinId(), scopes, tokens);
        return LookupResponse.newBuilder().setTokens(found).build();
    }

    private int shortest(Set<KeyScope> scopes, IntBuffer tokens) {
        int shortest = tokens.remaining();
        for (KeyScope scope : scopes) {
            shortest = Math.min(shortest, stack.cache(scope).lookup(tokens));
        }
        return shortest;
    }

    private int pin(Session session, String pinId, Set<KeyScope> scopes, IntBuffer tokens) {
        List<PinnedPrefix> pinned = new ArrayList<>();
        try {
            int shortest = tokens.remaining();
            for (KeyScope scope : scopes) {
                PinnedPrefix prefix = stack.cache(scope).pin(tokens);
                pinned.add(prefix);
                shortest = Math.min(shortest, prefix.tokens());
            }
            if (!session.pins().put(pinId, pinned, System.nanoTime())) {
                throw new Refusal(
                        Reason.BUSY, "This session has " + Pins.MAX + " pins; release some, or look up without");
            }
            return shortest;
        } catch (RuntimeException e) {
            pinned.forEach(PinnedPrefix::close);
            throw e;
        }
    }

    @Override
    public void releasePins(ReleasePinsRequest request, StreamObserver<ReleasePinsResponse> observer) {
        answer(observer, () -> {
            Pins pins = sessions.session(request.getSessionId()).pins();
            request.getPinIdsList().forEach(pins::release);
            return ReleasePinsResponse.getDefaultInstance();
        });
    }

    @Override
    public void retrieve(RetrieveRequest request, StreamObserver<RetrieveResponse> observer) {
        answer(observer, () -> {
            Session session = sessions.session(request.getSessionId());
            return transfers.retrieve(session, session.cache(request.getKvCacheId()), request);
        });
    }

    @Override
    public void store(StoreRequest request, StreamObserver<StoreResponse> observer) {
        answerBeforeTheEnd(observer, answer -> {
            Session session = sessions.session(request.getSessionId());
            transfers.store(session, session.cache(request.getKvCacheId()), request, answer);
        });
    }

    @Override
    public void prefetch(PrefetchRequest request, StreamObserver<PrefetchResponse> observer) {
        answer(observer, () -> {
            sessions.session(request.getSessionId());
            IntBuffer tokens = IntBuffer.wrap(Packed.ints("tokens", request.getTokens()));
            for (KeyScope scope : engines.scopes(request.getEngineId(), request.getTagsMap())) {
                prefetch(stack.cache(scope), tokens);
            }
            return PrefetchResponse.getDefaultInstance();
        });
    }

    private void prefetch(KvCache cache, IntBuffer tokens) {
        if (!prefetches.tryAcquire()) {
            throw new Refusal(Reason.BUSY, MAX_PREFETCHES + " prefetches are under way; retrieve without one");
        }
        boolean started = false;
        try {
            var _ = cache.prefetch(tokens).whenComplete((_, _) -> prefetches.release());
            started = true;
        } finally {
            if (!started) {
                prefetches.release();
            }
        }
    }

    @Override
    public void registerRows(RegisterRowsRequest request, StreamObserver<RegisterRowsResponse> observer) {
        answer(observer, () -> {
            Session session = sessions.session(request.getSessionId());
            RegisteredRows rows = RegisteredRows.map(request);
            long id = session.add(rows);
            LOG.info("{} registered {}", session, rows);
            return RegisterRowsResponse.newBuilder().setRowsId(id).build();
        });
    }

    @Override
    public void findRows(FindRowsRequest request, StreamObserver<FindRowsResponse> observer) {
        answer(observer, () -> rowTransfers.find(rows(request.getSessionId(), request.getRowsId()), request));
    }

    @Override
    public void loadRows(RowsRequest request, StreamObserver<LoadRowsResponse> observer) {
        answer(observer, () -> rowTransfers.load(rows(request.getSessionId(), request.getRowsId()), request));
    }

    @Override
    public void storeRows(RowsRequest request, StreamObserver<StoreRowsResponse> observer) {
        answer(observer, () -> rowTransfers.store(rows(request.getSessionId(), request.getRowsId()), request));
    }

    private RegisteredRows rows(ByteString sessionId, long rowsId) {
        return sessions.session(sessionId).rows(rowsId);
    }

    @Override
    public void clear(ClearRequest request, StreamObserver<ClearResponse> observer) {
        answer(observer, () -> {
            Session session = sessions.session(request.getSessionId());
            if (request.getModel().isEmpty()) {
                LOG.info("{} clears the cache", session);
                stack.clear();
            } else {
                LOG.info("{} clears the cache of model '{}'", session, request.getModel());
                stack.clear(request.getModel());
            }
            return ClearResponse.getDefaultInstance();
        });
    }

    @Override
    public void stats(StatsRequest request, StreamObserver<StatsResponse> observer) {
        answer(observer, this::stats);
    }

    private StatsResponse stats() {
        StackStats stats = stack.stats();
        ModelStats total = stats.total();
        StatsResponse.Builder response = StatsResponse.newBuilder()
                .setLookedUpTokens(total.lookedUpTokens())
                .setFoundTokens(total.foundTokens())
                .setRequestedTokens(total.requestedTokens())
                .setHitTokens(total.hitTokens())
                .setStoredTokens(total.storedTokens());
        stats.models().forEach((name, model) -> response.addModels(model(name, model)));
        for (String name : stack.tiers()) {
            var tier = stats.tiers().get(name);
            if (tier != null) {
                TierStats.Builder told = response.addTiersBuilder()
                        .setName(name)
                        .setChunks(tier.chunks())
                        .setBytes(tier.bytes())
                        .setLimitBytes(tier.limitBytes());
                tier.counters().forEach((counter, count) -> told.putCounters(counter.text(), count));
            }
        }
        for (Session session : sessions.all()) {
            response.setSessions(response.getSessions() + 1);
            response.setPins(response.getPins() + session.pins().count());
        }
        for (Registration registration : sessions.registrations()) {
            response.setKvCaches(response.getKvCaches() + 1);
            response.setMappedBytes(response.getMappedBytes() + registration.mappedBytes());
        }
        return response.build();
    }

    private static io.lmcache.server.protocol.ModelStats model(String name, ModelStats stats) {
        return io.lmcache.server.protocol.ModelStats.newBuilder()
                .setName(name)
                .setLookups(stats.lookups())
                .setLookedUpTokens(stats.lookedUpTokens())
                .setFoundTokens(stats.foundTokens())
                .setRetrieves(stats.retrieves())
                .setRequestedTokens(stats.requestedTokens())
                .setHitTokens(stats.hitTokens())
                .setStores(stats.stores())
                .setStoredTokens(stats.storedTokens())
                .setDeclinedTokens(stats.declinedTokens())
                .build();
    }

    /** Answers also while the server drains, which is why it is not counted. */
    @Override
    public void health(HealthRequest request, StreamObserver<HealthResponse> observer) {
        ServerHealth health = healthCheck.health();
        observer.onNext(HealthResponse.newBuilder()
                .setState(health.isServing() ? HealthResponse.State.SERVING : HealthResponse.State.DRAINING)
                .addProtocolVersions(PROTOCOL_VERSION)
                .setServerVersion(serverVersion)
                .setServerPid(health.pid())
                .setUptimeSeconds(health.uptime().toSeconds())
                .addAllTiers(health.tiers())
                .addAllTroubles(health.troubles())
                .build());
        observer.onCompleted();
    }

    /** As {@link #health}. */
    @Override
    public void stop(StopRequest request, StreamObserver<StopResponse> observer) {
        LOG.info("A client ends the server");
        observer.onNext(StopResponse.getDefaultInstance());
        observer.onCompleted();
        stop.run();
    }

    private <R> void answer(StreamObserver<R> observer, Supplier<R> call) {
        answerBeforeTheEnd(observer, answer -> answer.accept(call.get()));
    }

    /** Does a call, which says itself when it is answered, and turns whatever goes wrong into what the protocol says. */
    private <R> void answerBeforeTheEnd(StreamObserver<R> observer, Consumer<Consumer<R>> call) {
        boolean[] answered = new boolean[1];
        try {
            calls.begin();
            try {
                call.accept(response -> {
                    answered[0] = true;
                    observer.onNext(response);
                    observer.onCompleted();
                });
            } finally {
                calls.end();
            }
        } catch (RuntimeException e) {
            Refusal refusal = refusal(e);
            meters.refused(refusal.reason());
            if (!answered[0]) {
                observer.onError(refusal.toStatus());
            }
        }
    }

    private Refusal refusal(RuntimeException failure) {
        return switch (failure) {
            case Refusal refusal -> refusal;
            case LmcacheException e -> {
                Refusal refusal = Refusal.of(e);
                if (refusal.reason() == Reason.SERVER_FAILURE) {
                    failures.warn("A call failed", e);
                }
                yield refusal;
            }
            default -> {
                failures.warn("A call failed unexpectedly", failure);
                yield new Refusal(Reason.SERVER_FAILURE, "The server failed: " + failure);
            }
        };
    }
}
