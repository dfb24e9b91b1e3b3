package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.lmcache.api.engine.RetrieveResult;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.RetrieveRequest;
import io.lmcache.server.protocol.RetrieveResponse;
import io.lmcache.server.protocol.StoreRequest;
import io.lmcache.server.protocol.StoreResponse;
import java.nio.IntBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Moves KV between the cache and the engines' memory. Thread-safe. */
final class Transfers {
    private static final Logger LOG = LoggerFactory.getLogger(Transfers.class);
    /** Of each kind, of one client; more do not make the machine faster, and each holds buffers. */
    static final int MAX_UNDER_WAY = 64;
    /** Of each kind, of all clients. */
    static final int MAX_IN_ALL = 2 * MAX_UNDER_WAY;
    /** While a staged store waits for slow tiers, what the engine computes meanwhile finds no staging. */
    private static final Duration STAGED_PATIENCE = Duration.ofMillis(50);

    private final LmcacheStack stack;
    private final Shares retrieves = new Shares(MAX_IN_ALL, MAX_UNDER_WAY);
    private final Shares stores = new Shares(MAX_IN_ALL, MAX_UNDER_WAY);
    /** At stores that the CPU copies. */
    private final Turns copies = new Turns(Math.max(2, Runtime.getRuntime().availableProcessors()));

    Transfers(LmcacheStack stack) {
        this.stack = stack;
    }

    /** The turns at stores that the CPU copies. */
    Turns copies() {
        return copies;
    }

    RetrieveResponse retrieve(Session session, RegisteredCache cache, RetrieveRequest request) {
        int[] tokens = Packed.ints("tokens", request.getTokens());
        int end = request.getEndToken() == 0 ? tokens.length : request.getEndToken();
        int first = request.getFirstToken();
        if (first < 0 || end < first || end > tokens.length) {
            throw Refusal.badArgument(
                    "first_token is %d and end_token %d of a prompt of %d tokens",
                    Integer.toUnsignedLong(first), Integer.toUnsignedLong(end), tokens.length);
        }
        if (first == end) {
            return RetrieveResponse.newBuilder().setTokens(first).build();
        }
        int[] blocks = blocks(cache, request.getBlockIds(), first, end);
        TokenRange wanted = new TokenRange(first, end);
        KvCache kv = stack.cache(cache.scope(request.getTagsMap()));
        // Up to the end of the chunk that the last wanted token is in: it is named by all of its tokens.
        int needed = Math.min(tokens.length, Math.ceilDiv(end, stack.chunkSize()) * stack.chunkSize());
        IntBuffer prompt = IntBuffer.wrap(tokens, 0, needed);
        return transfer(session, cache, blocks, wanted, request.getEvent(), request.getDeadline(), transfer -> {
            RetrieveResponse.Builder response = RetrieveResponse.newBuilder();
            int reached;
            try {
                RetrieveResult result = kv.retrieve(prompt, first, transfer.sink());
                reached = result.tokens();
                response.putAllTokensByTier(result.tokensByTier());
            } catch (Transfer.Abandoned e) {
                reached = transfer.reached();
            }
            int arrived = Math.clamp(reached, first, end);
            return response.setTokens(arrived)
                    .setFailedBlockIds(failed(cache, blocks, arrived, end))
                    .build();
        });
    }

    /** The blocks of the tokens that did not arrive. */
    private static ByteString failed(RegisteredCache cache, int[] blocks, int arrived, int end) {
        if (arrived == end) {
            return ByteString.EMPTY;
        }
        return Packed.bytes(Arrays.copyOfRange(blocks, arrived / cache.blockSize(), blocks.length));
    }

    /**
     * Stores.
     *
     * @param answer is told what was read, once, when the engine's memory may be reused: before this returns
     */
    void store(Session session, RegisteredCache cache, StoreRequest request, Consumer<StoreResponse> answer) {
        int[] tokens = Packed.ints("tokens", request.getTokens());
        if (tokens.length == 0) {
            answer.accept(StoreResponse.getDefaultInstance());
            return;
        }
        int[] blocks = blocks(cache, request.getBlockIds(), 0, tokens.length);
        BooleanSupplier isOver = Deadlines.require(cache, request.getDeadline());
        if (!stores.tryTake(session)) {
            answer.accept(response(0, 0, tokens.length));
            return;
        }
        try {
            cache.beginUse();
            try {
                KvCache kv = stack.cache(cache.scope(request.getTagsMap()));
                Optional<StagedKv> staged =
                        cache.stage(blocks, () -> kv.missing(IntBuffer.wrap(tokens)), request.getEvent());
                if (staged.isPresent()) {
                    storeStaged(kv, tokens, staged.get(), isOver, answer);
                } else {
                    answer.accept(storeInTurn(session, cache, kv, tokens, blocks, request, isOver));
                }
            } finally {
                cache.endUse();
            }
        } finally {
            stores.giveBack(session);
        }
    }

    private StoreResponse storeInTurn(
            Session session,
            RegisteredCache cache,
            KvCache kv,
            int[] tokens,
            int[] blocks,
            StoreRequest request,
            BooleanSupplier isOver) {
        if (!copies.begin(session, isOver)) {
            return response(0, 0, tokens.length);
        }
        try {
            return storeDirectly(cache, kv, tokens, blocks, request, isOver);
        } finally {
            copies.end(session);
        }
    }

    private static void storeStaged(
            KvCache kv, int[] tokens, StagedKv staged, BooleanSupplier isOver, Consumer<StoreResponse> answer) {
        long began = System.nanoTime();
        try (staged) {
            int missing = staged.tokens() + staged.declinedTokens();
            int present = tokens.length - missing;
            // After the copy: what it read was still the request's KV.
            if (isOver.getAsBoolean()) {
                answer.accept(response(0, present, missing));
                return;
            }
            answer.accept(response(staged.tokens(), present, staged.declinedTokens()));
            if (staged.tokens() > 0) {
                kv.store(tokens, staged, STAGED_PATIENCE);
            }
            LOG.debug(
                    "Store of {} tokens, {} of them staged: {} us to hand on",
                    tokens.length,
                    staged.tokens(),
                    (System.nanoTime() - began) / 1000);
        } catch (StagedKv.NotStaged e) {
            // The prompt ends here for the cache: what there was no room for was declined.
            LOG.debug("A store ended at a chunk that was not staged");
        }
    }

    private static StoreResponse storeDirectly(
            RegisteredCache cache,
            KvCache kv,
            int[] tokens,
            int[] blocks,
            StoreRequest request,
            BooleanSupplier isOver) {
        TokenRange all = new TokenRange(0, tokens.length);
        try (RequestKv engine = cache.open(blocks, all, request.getEvent(), () -> {})) {
            Transfer transfer = new Transfer(engine, isOver);
            try {
                StoreResult result = kv.store(tokens, transfer.source());
                return response(result.storedTokens(), result.presentTokens(), result.declinedTokens());
            } catch (Transfer.Abandoned e) {
                int declined = tokens.length - transfer.filled() - transfer.present();
                return response(transfer.filled(), transfer.present(), declined);
            }
        }
    }

    private static StoreResponse response(int stored, int present, int declined) {
        return StoreResponse.newBuilder()
                .setStoredTokens(stored)
                .setPresentTokens(present)
                .setDeclinedTokens(declined)
                .build();
    }

    /** The blocks up to the one of the last wanted token; those before the first wanted one are not looked at. */
    private static int[] blocks(RegisteredCache cache, ByteString packed, int first, int end) {
        int[] blocks = Packed.ints("block_ids", packed);
        int needed = Math.ceilDiv(end, cache.blockSize());
        if (blocks.length < needed) {
            throw Refusal.badArgument(
                    "block_ids has %d entries, but %d tokens take %d blocks of %d",
                    blocks.length, end, needed, cache.blockSize());
        }
        int[] wanted = Arrays.copyOf(blocks, needed);
        Arrays.fill(wanted, 0, first / cache.blockSize(), 0);
        return wanted;
    }

    private <R> R transfer(
            Session session,
            RegisteredCache cache,
            int[] blocks,
            TokenRange wanted,
            int event,
            long deadline,
            Function<Transfer, R> work) {
        BooleanSupplier isOver = Deadlines.require(cache, deadline);
        if (!retrieves.tryTake(session)) {
            throw new Refusal(
                    Reason.BUSY,
                    "This client has its share of the " + MAX_IN_ALL
                            + " retrieves at a time; go on without the cache, or try again");
        }
        try {
            cache.beginUse();
            long began = System.nanoTime();
            long opened = began;
            long delivered = began;
            try (RequestKv kv = cache.open(blocks, wanted, event, Transfer.guard(isOver))) {
                opened = System.nanoTime();
                R answer = work.apply(new Transfer(kv, isOver));
                delivered = System.nanoTime();
                return answer;
            } finally {
                cache.endUse();
                LOG.debug(
                        "Retrieve of {}: {} us to begin, {} to deliver, {} to end",
                        wanted,
                        (opened - began) / 1000,
                        (delivered - opened) / 1000,
                        (System.nanoTime() - delivered) / 1000);
            }
        } finally {
            retrieves.giveBack(session);
        }
    }
}
