package io.lmcache.chunkfiles.directory;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.chunkfiles.directory.EvictionQueue.Candidate;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class EvictionQueueTest {
    private final EvictionQueue queue = new EvictionQueue(3);

    private void scan(List<Integer> ages) {
        queue.beginScan();
        ages.forEach(age -> queue.add(chunk(age)));
        queue.endScan();
    }

    private static Candidate chunk(int age) {
        return new Candidate("chunk" + age, 1, FileTime.fromMillis(1000 - age));
    }

    private List<Candidate> taken() {
        List<Candidate> taken = new ArrayList<>();
        for (var next = queue.poll(); next.isPresent(); next = queue.poll()) {
            taken.add(next.get());
        }
        return taken;
    }

    @Test
    void keepsTheOldestOfAScanOldestFirst() {
        long seed = new Random().nextLong();
        List<Integer> ages = new ArrayList<>(IntStream.range(0, 100).boxed().toList());
        java.util.Collections.shuffle(ages, new Random(seed));
        scan(ages);
        assertThat(taken()).as("seed %d", seed).containsExactly(chunk(99), chunk(98), chunk(97));
    }

    @Test
    void everyScanGetsBeyondWhatCouldNotBeEvicted() {
        List<Integer> ages = IntStream.range(0, 10).boxed().toList();
        List<Candidate> offered = new ArrayList<>();
        scan(ages);
        while (!queue.isEmpty()) {
            List<Candidate> batch = taken();
            batch.forEach(queue::passOver);
            offered.addAll(batch);
            scan(ages);
        }
        assertThat(offered).hasSize(10).doesNotHaveDuplicates();

        assertThat(queue.reconsider()).isTrue();
        scan(ages);
        assertThat(taken()).startsWith(chunk(9));
        assertThat(queue.reconsider()).isFalse();
    }
}
