package io.lmcache.api.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.LmcacheException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;

class OffsetAllocatorTest {
    private static final int PAGE = 4096;

    private record Range(long offset, long bytes) {}

    /** A bit for each page: the simplest thing that can be right. */
    private static final class Model {
        private final BitSet pages = new BitSet();
        private final int capacity;

        private Model(int capacity) {
            this.capacity = capacity;
        }

        private void set(Range range, boolean used) {
            int first = Math.toIntExact(range.offset() / PAGE);
            pages.set(first, first + pagesOf(range.bytes()), used);
        }

        private boolean isFree(Range range) {
            int first = Math.toIntExact(range.offset() / PAGE);
            int next = pages.nextSetBit(first);
            return first + pagesOf(range.bytes()) <= (next < 0 ? capacity : Math.min(next, capacity));
        }

        private int largestFree() {
            int largest = 0;
            for (int free = pages.nextClearBit(0); free < capacity; ) {
                int used = pages.nextSetBit(free);
                int end = used < 0 ? capacity : used;
                largest = Math.max(largest, end - free);
                free = pages.nextClearBit(end);
            }
            return largest;
        }
    }

    private static int pagesOf(long bytes) {
        return Math.toIntExact((bytes + PAGE - 1) / PAGE);
    }

    @Test
    void behavesLikeAMapOfPages() {
        for (int round = 0; round < 50; round++) {
            long seed = new Random().nextLong();
            compareWithModel(new Random(seed), seed);
        }
    }

    private static void compareWithModel(Random random, long seed) {
        int capacity = 1 + random.nextInt(200);
        OffsetAllocator allocator = new OffsetAllocator((long) capacity * PAGE + random.nextInt(PAGE));
        Model model = new Model(capacity);
        List<Range> held = new ArrayList<>();
        for (int step = 0; step < 500; step++) {
            if (held.isEmpty() || random.nextInt(5) < 3) {
                allocate(allocator, model, held, 1 + random.nextLong(20L * PAGE), seed);
            } else {
                Range range = held.remove(random.nextInt(held.size()));
                allocator.release(range.offset(), range.bytes());
                model.set(range, false);
            }
            assertThat(allocator.used()).as("seed %d", seed).isEqualTo((long) model.pages.cardinality() * PAGE);
            assertThat(allocator.largestFree()).as("seed %d", seed).isEqualTo((long) model.largestFree() * PAGE);
        }
    }

    private static void allocate(OffsetAllocator allocator, Model model, List<Range> held, long bytes, long seed) {
        boolean fits = pagesOf(bytes) <= model.largestFree();
        OptionalLong offset = allocator.allocate(bytes);
        assertThat(offset.isPresent()).as("seed %d", seed).isEqualTo(fits);
        offset.ifPresent(start -> {
            Range range = new Range(start, bytes);
            assertThat(start % PAGE).as("seed %d", seed).isZero();
            assertThat(model.isFree(range)).as("seed %d", seed).isTrue();
            model.set(range, true);
            held.add(range);
        });
    }

    @Test
    void takesTheSmallestRangeThatFits() {
        OffsetAllocator allocator = new OffsetAllocator(16 * PAGE);
        long a = allocator.allocate(4 * PAGE).orElseThrow();
        allocator.allocate(PAGE).orElseThrow();
        long c = allocator.allocate(2 * PAGE).orElseThrow();
        allocator.allocate(PAGE).orElseThrow();
        allocator.release(a, 4 * PAGE);
        allocator.release(c, 2 * PAGE);

        assertThat(allocator.allocate(2 * PAGE)).hasValue(c);
        assertThat(allocator.allocate(3 * PAGE)).hasValue(a);
    }

    @Test
    void releasingWhatIsNotAllocatedThrowsAndChangesNothing() {
        OffsetAllocator allocator = new OffsetAllocator(4 * PAGE);
        long first = allocator.allocate(PAGE).orElseThrow();
        allocator.release(first, PAGE);

        assertThatThrownBy(() -> allocator.release(first, PAGE)).isInstanceOf(LmcacheException.class);
        assertThatThrownBy(() -> allocator.release(-PAGE, PAGE)).isInstanceOf(LmcacheException.class);
        assertThatThrownBy(() -> allocator.release(4 * PAGE, PAGE)).isInstanceOf(LmcacheException.class);
        assertThat(allocator.used()).isZero();
        assertThat(allocator.largestFree()).isEqualTo(4 * PAGE);
    }

    @Test
    void extremeSizesDoNotOverflow() {
        OffsetAllocator allocator = new OffsetAllocator(Long.MAX_VALUE);

        assertThat(allocator.allocate(Long.MAX_VALUE)).isEmpty();
        assertThat(allocator.allocate(allocator.capacity())).hasValue(0);
        assertThat(allocator.largestFree()).isZero();
        assertThatThrownBy(() -> allocator.allocate(0)).isInstanceOf(LmcacheException.class);
        assertThatThrownBy(() -> allocator.allocate(-1)).isInstanceOf(LmcacheException.class);
        assertThatThrownBy(() -> new OffsetAllocator(PAGE - 1)).isInstanceOf(LmcacheException.class);
    }
}
