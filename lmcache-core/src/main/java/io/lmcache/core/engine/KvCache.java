package io.lmcache.core.engine;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.PinnedPrefix;
import io.lmcache.api.engine.RetrieveResult;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.core.hash.Chunker;
import io.lmcache.core.hash.PromptChunks;
import io.lmcache.core.storage.Patience;
import io.lmcache.core.storage.TieredStorageManager;
import java.nio.IntBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import jdk.jfr.Event;

/**
 * The cache of one model, rank and layout: KV by the tokens of the prompt.
 *
 * <p>Token ids are 0 and above; the prompt runs from the buffer's position to its limit, which are left as they are. Any
 * prompt that begins with the same tokens finds the chunks it shares. Trouble with storage is a miss.
 *
 * <p>Thread-safe. Belongs to its {@link LmcacheStack}, needs no close, and costs nothing to make: a handle for each
 * request with tags of its own is fine.
 */
public final class KvCache {
    private final KeyScope scope;
    private final Chunker chunker;
    private final TieredStorageManager storage;
    private final ModelCounters counters;
    private final int minRetrieveTokens;

    KvCache(
            KeyScope scope,
            Chunker chunker,
            TieredStorageManager storage,
            ModelCounters counters,
            int minRetrieveTokens) {
        this.scope = scope;
        this.chunker = chunker;
        this.storage = storage;
        this.counters = counters;
        this.minRetrieveTokens = minRetrieveTokens;
    }

    /** Whose KV this is. */
    public KeyScope scope() {
        return scope;
    }

    /** The number of tokens, from the first, whose KV can be retrieved now. A hint: it may be evicted before. */
    public int lookup(IntBuffer tokens) {
        return lookup(tokens, Patience.UNLIMITED);
    }

    /**
     * As {@link #lookup(IntBuffer)}, for a caller that cannot wait as long as a slow tier may take: what a tier has not said
     * by then does not count.
     *
     * @param atMost how long to wait, 0 for what is known at once
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when the time is negative, too
     */
    public int lookup(IntBuffer tokens, Duration atMost) {
        return lookup(tokens, Patience.of(atMost));
    }

    private int lookup(IntBuffer tokens, Patience patience) {
        LookupEvent event = begun(new LookupEvent());
        long start = System.nanoTime();
        int found = storage.lookup(chunks(tokens), minRetrieveTokens, patience, counters::found);
        lookedUp(tokens.remaining(), found, System.nanoTime() - start, event);
        return found;
    }

    /** {@link #lookup(IntBuffer, Duration)} of all tokens of the array. */
    public int lookup(int[] tokens, Duration atMost) {
        return lookup(IntBuffer.wrap(tokens), atMost);
    }

    private void lookedUp(int asked, int found, long nanos, LookupEvent event) {
        counters.lookedUp(asked, found, nanos);
        if (event.shouldCommit()) {
            event.model = scope.model();
            event.tokens = asked;
            event.foundTokens = found;
            event.commit();
        }
    }

    private static <E extends Event> E begun(E event) {
        event.begin();
        return event;
    }

    /** {@link #lookup(IntBuffer)} of all tokens of the array. */
    public int lookup(int[] tokens) {
        return lookup(IntBuffer.wrap(tokens));
    }

    /**
     * Delivers the KV of the longest cached prefix to the sink, on this thread, in order.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} for a negative token id,
     *     {@link ErrorCode#CLOSED} after the stack was closed; what the sink throws comes through as it is
     */
    public RetrieveResult retrieve(IntBuffer tokens, KvSink sink) {
        return retrieve(tokens, 0, sink);
    }

    /** {@link #retrieve(IntBuffer, KvSink)} of all tokens of the array. */
    public RetrieveResult retrieve(int[] tokens, KvSink sink) {
        return retrieve(IntBuffer.wrap(tokens), sink);
    }

    /**
     * As {@link #retrieve(IntBuffer, KvSink)}, for an engine that has the first tokens already.
     *
     * @param firstToken the first token that is wanted; delivery starts with the chunk that contains it
     */
    public RetrieveResult retrieve(IntBuffer tokens, int firstToken, KvSink sink) {
        return retrieve(tokens, firstToken, sink, Patience.UNLIMITED);
    }

    /**
     * As {@link #retrieve(IntBuffer, int, KvSink)}, for a caller that cannot wait as long as a slow tier may take: the prefix
     * ends at the first chunk that has not arrived by then. The sink is called for none after it; how long it takes for those
     * before is the caller's business.
     *
     * @param atMost how long to wait, 0 for nothing
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when the time is negative, too
     */
    public RetrieveResult retrieve(IntBuffer tokens, int firstToken, KvSink sink, Duration atMost) {
        return retrieve(tokens, firstToken, sink, Patience.of(atMost));
    }

    private RetrieveResult retrieve(IntBuffer tokens, int firstToken, KvSink sink, Patience patience) {
        if (firstToken < 0) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "The first wanted token is " + firstToken + ", below 0");
        }
        RetrieveEvent event = begun(new RetrieveEvent());
        long start = System.nanoTime();
        RetrieveResult result =
                storage.retrieve(chunks(tokens), scope.layout(), firstToken, minRetrieveTokens, sink, patience);
        counters.retrieved(tokens.remaining(), result.tokens(), result.tokensByTier(), System.nanoTime() - start);
        if (event.shouldCommit()) {
            event.model = scope.model();
            event.tokens = tokens.remaining();
            event.hitTokens = result.tokens();
            event.commit();
        }
        return result;
    }

    /** {@link #retrieve(IntBuffer, int, KvSink, Duration)} of all tokens of the array. */
    public RetrieveResult retrieve(int[] tokens, int firstToken, KvSink sink, Duration atMost) {
        return retrieve(IntBuffer.wrap(tokens), firstToken, sink, atMost);
    }

    /** {@link #retrieve(IntBuffer, int, KvSink)} of all tokens of the array. */
    public RetrieveResult retrieve(int[] tokens, int firstToken, KvSink sink) {
        return retrieve(IntBuffer.wrap(tokens), firstToken, sink);
    }

    /**
     * Stores the KV of the prompt, chunk by chunk, where it is not cached yet. When this returns, the source has been
     * read and the engine's memory may change; {@link StoreResult#published()} tells when the slowest tier is done.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} for a negative token id,
     *     {@link ErrorCode#CLOSED} after the stack was closed; what the source throws comes through as it is, chunks
     *     read before stay stored
     */
    public StoreResult store(IntBuffer tokens, KvSource source) {
        return stored(tokens, () -> storage.store(chunks(tokens), scope.layout(), source));
    }

    /**
     * As {@link #store(IntBuffer, KvSource)}, for a source whose memory others wait for.
     *
     * @param patience how long the store may wait, in all, for memory and for tiers that have too much to write. What
     *     such a tier has no room for by then is declined; faster tiers keep it
     */
    public StoreResult store(IntBuffer tokens, KvSource source, Duration patience) {
        return stored(tokens, () -> storage.store(chunks(tokens), scope.layout(), source, patience));
    }

    private StoreResult stored(IntBuffer tokens, Supplier<StoreResult> store) {
        StoreEvent event = begun(new StoreEvent());
        long start = System.nanoTime();
        StoreResult result = store.get();
        counters.stored(result.storedTokens(), result.declinedTokens(), System.nanoTime() - start);
        if (event.shouldCommit()) {
            event.model = scope.model();
            event.tokens = tokens.remaining();
            event.storedTokens = result.storedTokens();
            event.declinedTokens = result.declinedTokens();
            event.commit();
        }
        return result;
    }

    /** {@link #store(IntBuffer, KvSource)} of all tokens of the array. */
    public StoreResult store(int[] tokens, KvSource source) {
        return store(IntBuffer.wrap(tokens), source);
    }

    /** {@link #store(IntBuffer, KvSource, Duration)} of all tokens of the array. */
    public StoreResult store(int[] tokens, KvSource source, Duration patience) {
        return store(IntBuffer.wrap(tokens), source, patience);
    }

    /**
     * The parts of the prompt that {@link #store} would read from its source now, in order. A hint, since others may store
     * or evict chunks: for an engine that wants to give its memory away before the store.
     */
    public List<TokenRange> missing(IntBuffer tokens) {
        PromptChunks chunks = chunks(tokens);
        return storage.missing(chunks).stream().map(chunks::range).toList();
    }

    /**
     * Moves what slower tiers hold of the prompt's prefix to the fastest one, ahead of a retrieve, in the background.
     *
     * @return completes, never exceptionally, with the tokens of the prefix that the fastest tier then holds
     */
    public CompletableFuture<Integer> prefetch(IntBuffer tokens) {
        return storage.prefetch(chunks(tokens), scope.layout());
    }

    /** {@link #prefetch(IntBuffer)} of all tokens of the array. */
    public CompletableFuture<Integer> prefetch(int[] tokens) {
        return prefetch(IntBuffer.wrap(tokens));
    }

    /**
     * Keeps the prefix that {@link #lookup} would find from being evicted until the result is closed, between asking for it
     * and its retrieve say.
     */
    public PinnedPrefix pin(IntBuffer tokens) {
        LookupEvent event = begun(new LookupEvent());
        long start = System.nanoTime();
        PinnedPrefix pinned = storage.pin(chunks(tokens), minRetrieveTokens, counters::found);
        lookedUp(tokens.remaining(), pinned.tokens(), System.nanoTime() - start, event);
        return pinned;
    }

    /** {@link #pin(IntBuffer)} of all tokens of the array. */
    public PinnedPrefix pin(int[] tokens) {
        return pin(IntBuffer.wrap(tokens));
    }

    /**
     * Removes the prompt's chunks from every tier, as far as that is possible. Other prompts lose what they share
     * with this one.
     *
     * @return the tokens whose KV was there
     */
    public int remove(IntBuffer tokens) {
        return storage.remove(chunks(tokens));
    }

    /** {@link #remove(IntBuffer)} of all tokens of the array. */
    public int remove(int[] tokens) {
        return remove(IntBuffer.wrap(tokens));
    }

    @Override
    public String toString() {
        return "KvCache[" + scope + "]";
    }

    private PromptChunks chunks(IntBuffer tokens) {
        return chunker.chunks(scope, tokens);
    }
}
