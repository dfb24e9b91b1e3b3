package io.lmcache.server;

import com.google.protobuf.ByteString;
import io.lmcache.api.ChunkHash;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.engine.RowCache;
import io.lmcache.server.protocol.FindRowsRequest;
import io.lmcache.server.protocol.FindRowsResponse;
import io.lmcache.server.protocol.LoadRowsResponse;
import io.lmcache.server.protocol.Reason;
import io.lmcache.server.protocol.RowsRequest;
import io.lmcache.server.protocol.StoreRowsResponse;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;

/** Moves rows between the cache and the engines' memory. Thread-safe. */
final class RowTransfers {
    private final LmcacheStack stack;
    private final Semaphore loads = new Semaphore(Transfers.MAX_UNDER_WAY);
    private final Semaphore stores = new Semaphore(Transfers.MAX_UNDER_WAY);

    RowTransfers(LmcacheStack stack) {
        this.stack = stack;
    }

    FindRowsResponse find(RegisteredRows rows, FindRowsRequest request) {
        List<ChunkHash> names = names(request.getNamesList());
        BitSet found = stack.rows(rows.scope()).find(names);
        FindRowsResponse.Builder response = FindRowsResponse.newBuilder();
        for (int i = 0; i < names.size(); i++) {
            response.addFound(found.get(i));
        }
        return response.build();
    }

    LoadRowsResponse load(RegisteredRows rows, RowsRequest request) {
        return transfer(rows, request, loads, job -> {
            BitSet loaded = new BitSet(job.names.size());
            try {
                job.cache.retrieve(job.names, (range, chunk) -> {
                    job.requireWanted();
                    rows.write(job.rowIds[range.start()], chunk);
                    loaded.set(range.start());
                });
            } catch (Transfer.Abandoned e) {
                // What has arrived is whole.
            }
            LoadRowsResponse.Builder response = LoadRowsResponse.newBuilder();
            for (int i = 0; i < job.names.size(); i++) {
                response.addLoaded(loaded.get(i));
            }
            return response.build();
        });
    }

    StoreRowsResponse store(RegisteredRows rows, RowsRequest request) {
        return transfer(rows, request, stores, job -> {
            int[] read = new int[1];
            try {
                StoreResult result = job.cache.store(job.names, (range, chunk) -> {
                    job.requireWanted();
                    rows.read(job.rowIds[range.start()], chunk);
                    // After the copy: what it read was still the row's.
                    job.requireWanted();
                    read[0]++;
                });
                return response(result.storedTokens(), result.presentTokens(), result.declinedTokens());
            } catch (Transfer.Abandoned e) {
                return response(read[0], 0, job.names.size() - read[0]);
            }
        });
    }

    private static StoreRowsResponse response(int stored, int present, int declined) {
        return StoreRowsResponse.newBuilder()
                .setStored(stored)
                .setPresent(present)
                .setDeclined(declined)
                .build();
    }

    /** One call. */
    private static final class Job {
        private final RowCache cache;
        private final List<ChunkHash> names;
        private final int[] rowIds;
        private final BooleanSupplier isOver;

        Job(RowCache cache, List<ChunkHash> names, int[] rowIds, BooleanSupplier isOver) {
            this.cache = cache;
            this.names = names;
            this.rowIds = rowIds;
            this.isOver = isOver;
        }

        void requireWanted() {
            Transfer.guard(isOver).run();
        }
    }

    private interface Work<R> {
        R on(Job job);
    }

    private <R> R transfer(RegisteredRows rows, RowsRequest request, Semaphore underWay, Work<R> work) {
        List<ChunkHash> names = names(request.getNamesList());
        int[] rowIds = Packed.ints("row_ids", request.getRowIds());
        if (names.size() != rowIds.length) {
            throw Refusal.badArgument("%d names are given for %d rows", names.size(), rowIds.length);
        }
        rows.require(rowIds);
        BooleanSupplier isOver = Deadlines.require(rows, request.getDeadline());
        if (!underWay.tryAcquire()) {
            throw new Refusal(
                    Reason.BUSY,
                    Transfers.MAX_UNDER_WAY + " of these calls are under way; go on without the cache, or try again");
        }
        try {
            rows.beginUse();
            try {
                return work.on(new Job(stack.rows(rows.scope()), names, rowIds, isOver));
            } finally {
                rows.endUse();
            }
        } finally {
            underWay.release();
        }
    }

    private static List<ChunkHash> names(List<ByteString> names) {
        return names.stream().map(name -> ChunkHash.of(name.toByteArray())).toList();
    }
}
