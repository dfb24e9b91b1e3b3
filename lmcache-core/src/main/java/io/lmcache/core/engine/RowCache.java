package io.lmcache.core.engine;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.MemoryFormat;
import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.core.hash.PromptChunks;
import io.lmcache.core.storage.Patience;
import io.lmcache.core.storage.TieredStorageManager;
import java.util.BitSet;
import java.util.List;

/**
 * The cache of an engine that names its KV itself: rows of one length that only the engine understands, each under a name
 * of its own and none of them dependent on another.
 *
 * <p>A source or a sink is told of row {@code i} of a call as the range from {@code i} to {@code i + 1}. Trouble with
 * storage is a miss. Thread-safe; belongs to its {@link LmcacheStack}, needs no close, and costs nothing to make.
 */
public final class RowCache {
    private final KeyScope scope;
    private final TieredStorageManager storage;

    RowCache(KeyScope scope, TieredStorageManager storage) {
        if (scope.layout().format() != MemoryFormat.OPAQUE) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Rows have a layout of KvLayout.opaque, not "
                            + scope.layout().fingerprint());
        }
        this.scope = scope;
        this.storage = storage;
    }

    /** Whose rows these are. */
    public KeyScope scope() {
        return scope;
    }

    /** Which of the rows can be retrieved now, by their place in the list. A hint: they may be evicted before. */
    public BitSet find(List<ChunkHash> names) {
        return storage.find(keys(names));
    }

    /**
     * Delivers what is there of the rows to the sink, on this thread, in their order.
     *
     * @return the rows that were delivered, by their place in the list
     * @throws LmcacheException with {@link ErrorCode#CLOSED} after the stack was closed; what the sink throws comes
     *     through as it is
     */
    public BitSet retrieve(List<ChunkHash> names, KvSink sink) {
        List<ChunkKey> keys = keys(names);
        BitSet delivered = new BitSet(keys.size());
        int next = 0;
        while (next < keys.size()) {
            int first = next;
            int count = storage.retrieve(
                            chunks(keys.subList(first, keys.size())),
                            scope.layout(),
                            0,
                            0,
                            shifted(sink, first),
                            Patience.UNLIMITED)
                    .tokens();
            delivered.set(first, first + count);
            // The row that ended it is missing; those behind it may be there.
            next = first + count + 1;
        }
        return delivered;
    }

    /**
     * Stores the rows that are not cached yet. When this returns, the source has been read and the engine's memory may
     * change. The counts of the result are rows.
     *
     * @throws LmcacheException with {@link ErrorCode#CLOSED} after the stack was closed; what the source throws comes
     *     through as it is, rows read before stay stored
     */
    public StoreResult store(List<ChunkHash> names, KvSource source) {
        List<ChunkKey> keys = keys(names);
        BitSet stored = storage.stored(keys);
        int present = stored.cardinality();
        stored.flip(0, keys.size());
        int[] missing = stored.stream().toArray();
        List<ChunkKey> wanted = stored.stream().mapToObj(keys::get).toList();
        StoreResult result = storage.store(chunks(wanted), scope.layout(), picked(source, missing));
        return new StoreResult(
                result.storedTokens(), result.presentTokens() + present, result.declinedTokens(), result.published());
    }

    private List<ChunkKey> keys(List<ChunkHash> names) {
        return names.stream().map(name -> new ChunkKey(scope, name)).toList();
    }

    private static PromptChunks chunks(List<ChunkKey> keys) {
        return new PromptChunks(keys, 1, keys.size());
    }

    private static TokenRange row(int index) {
        return new TokenRange(index, index + 1);
    }

    private static KvSink shifted(KvSink sink, int first) {
        return new KvSink() {
            @Override
            public boolean accepts(MemoryDomain domain) {
                return sink.accepts(domain);
            }

            @Override
            public void accept(TokenRange range, KvBuffer source) {
                sink.accept(row(first + range.start()), source);
            }

            @Override
            public Taking beginAccept(TokenRange range, KvBuffer source) {
                return sink.beginAccept(row(first + range.start()), source);
            }
        };
    }

    private static KvSource picked(KvSource source, int[] rows) {
        return new KvSource() {
            @Override
            public boolean accepts(MemoryDomain domain) {
                return source.accepts(domain);
            }

            @Override
            public void fill(TokenRange range, KvBuffer destination) {
                source.fill(row(rows[range.start()]), destination);
            }

            @Override
            public Filling beginFill(TokenRange range, KvBuffer destination) {
                return source.beginFill(row(rows[range.start()]), destination);
            }
        };
    }

    @Override
    public String toString() {
        return "RowCache[" + scope + "]";
    }
}
