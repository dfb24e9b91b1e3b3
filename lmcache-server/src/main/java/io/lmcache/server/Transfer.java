package io.lmcache.server;

import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.memory.MemoryDomain;
import java.util.function.BooleanSupplier;

/**
 * A retrieve or a store that ends, chunk by chunk, when its client does not want it any more: a client that has given up
 * uses its blocks for something else, and neither may they be written then, nor may what was read be kept.
 *
 * <p>For one thread.
 */
final class Transfer {
    private final RequestKv kv;
    private final BooleanSupplier isOver;
    private int reached;
    private int asked;
    private int present;
    private int filled;

    /** The client does not want the transfer any more. */
    static final class Abandoned extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private Abandoned() {
            super("the client has given up", null, false, false);
        }
    }

    /** Throws when the client does not want the transfer any more. */
    static Runnable guard(BooleanSupplier isOver) {
        return () -> {
            if (isOver.getAsBoolean()) {
                throw new Abandoned();
            }
        };
    }

    Transfer(RequestKv kv, BooleanSupplier isOver) {
        this.kv = kv;
        this.isOver = isOver;
    }

    /** The token that the last chunk begins with that was delivered. */
    int reached() {
        return reached;
    }

    /** The tokens, before the last chunk that was asked for, that were not asked for. */
    int present() {
        return present;
    }

    /** The tokens that were read from the engine and kept. */
    int filled() {
        return filled;
    }

    KvSource source() {
        KvSource source = kv.source();
        return new KvSource() {
            @Override
            public boolean accepts(MemoryDomain domain) {
                return source.accepts(domain);
            }

            @Override
            public void fill(TokenRange range, KvBuffer destination) {
                beginFill(range, destination).await();
            }

            @Override
            public Filling beginFill(TokenRange range, KvBuffer destination) {
                present += range.start() - asked;
                asked = range.end();
                requireWanted();
                Filling filling = source.beginFill(range, destination);
                return () -> {
                    filling.await();
                    // After the copy: what it read was still the request's KV.
                    requireWanted();
                    filled += range.length();
                };
            }
        };
    }

    KvSink sink() {
        KvSink sink = kv.sink();
        return new KvSink() {
            @Override
            public boolean accepts(MemoryDomain domain) {
                return sink.accepts(domain);
            }

            @Override
            public void accept(TokenRange range, KvBuffer source) {
                reach(range);
                sink.accept(range, source);
            }

            @Override
            public Taking beginAccept(TokenRange range, KvBuffer source) {
                reach(range);
                return sink.beginAccept(range, source);
            }
        };
    }

    private void reach(TokenRange range) {
        reached = range.start();
        requireWanted();
    }

    private void requireWanted() {
        guard(isOver).run();
    }
}
