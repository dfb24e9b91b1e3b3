package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.KvSource;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TransferTest {
    private static final KvBuffer BUFFER = new HostBuffer(Arena.ofAuto().allocate(64));

    private final List<String> seen = new ArrayList<>();
    private boolean over;
    private final Transfer transfer = new Transfer(new LateKv(), () -> over);

    /** An engine's memory that is read and written when it is waited for. */
    private final class LateKv implements RequestKv {
        @Override
        public KvSource source() {
            return new KvSource() {
                @Override
                public void fill(TokenRange range, KvBuffer destination) {
                    throw new AssertionError("beginFill is there");
                }

                @Override
                public Filling beginFill(TokenRange range, KvBuffer destination) {
                    seen.add("begin " + range.start());
                    return () -> seen.add("read " + range.start());
                }
            };
        }

        @Override
        public KvSink sink() {
            throw new AssertionError("not of a store");
        }

        @Override
        public void close() {}
    }

    private KvSource.Filling begin(KvSource source, int start) {
        return source.beginFill(new TokenRange(start, start + 16), BUFFER);
    }

    @Test
    void severalChunksAreReadAtATime() {
        KvSource source = transfer.source();
        KvSource.Filling first = begin(source, 0);
        KvSource.Filling second = begin(source, 16);
        first.await();
        second.await();
        assertThat(seen).containsExactly("begin 0", "begin 16", "read 0", "read 16");
        assertThat(transfer.filled()).isEqualTo(32);
    }

    @Test
    void whatIsUnderWayWhenTheClientGivesUpIsWaitedForAndNotKept() {
        KvSource source = transfer.source();
        // 16 tokens are there already, and 16 between the two.
        KvSource.Filling first = begin(source, 16);
        KvSource.Filling second = begin(source, 48);
        first.await();
        over = true;
        assertThatThrownBy(second::await).isInstanceOf(Transfer.Abandoned.class);
        assertThatThrownBy(() -> begin(source, 64)).isInstanceOf(Transfer.Abandoned.class);
        assertThat(seen).containsExactly("begin 16", "begin 48", "read 16", "read 48");
        assertThat(transfer.filled()).isEqualTo(16);
        assertThat(transfer.present()).isEqualTo(32);
    }
}
