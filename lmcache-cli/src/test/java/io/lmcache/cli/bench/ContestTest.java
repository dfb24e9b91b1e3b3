package io.lmcache.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.cli.bench.Contest.Contender;
import io.lmcache.cli.bench.Contest.Medians;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ContestTest {
    private static final long BYTES = 10;

    private final List<String> order = new ArrayList<>();
    private long nanos;

    @Test
    void mediansAreOfTheRoundsThatCount() throws Exception {
        Medians seconds = contest().hold(BYTES, 1, 3, taking("a", 9, 5, 1, 3), taking("b", 9, 2, 8, 4));
        assertThat(seconds).isEqualTo(new Medians(3e-9, 4e-9));
    }

    @Test
    void contendersTakeTurnsInGoingFirst() throws Exception {
        contest().hold(BYTES, 1, 2, taking("a", 1, 1, 1), taking("b", 1, 1, 1));
        assertThat(order).containsExactly("a", "b", "a", "b", "b", "a");
    }

    @Test
    void preparationIsNotTimed() throws Exception {
        Contender prepared = new Contender() {
            @Override
            public void prepare() {
                nanos += 1000;
            }

            @Override
            public long run() {
                nanos += 7;
                return BYTES;
            }
        };
        assertThat(contest().hold(BYTES, 0, 1, prepared, taking("b", 1)).candidate())
                .isEqualTo(7e-9);
    }

    @Test
    void whoeverHandlesTooLittleHasNoTime() {
        assertThatThrownBy(() -> contest().hold(BYTES, 0, 1, () -> BYTES - 1, taking("b", 1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("9 bytes in place of 10");
    }

    @Test
    void theMedianOfAnEvenNumberLiesBetweenTheMiddleTwo() {
        assertThat(Contest.median(new double[] {4, 1, 2, 100})).isEqualTo(3);
    }

    private Contest contest() {
        return new Contest(() -> nanos);
    }

    /** Takes so many nanoseconds in its first run, its second, and so on. */
    private Contender taking(String name, long... times) {
        return () -> {
            nanos += times[(int) order.stream().filter(name::equals).count()];
            order.add(name);
            return BYTES;
        };
    }
}
