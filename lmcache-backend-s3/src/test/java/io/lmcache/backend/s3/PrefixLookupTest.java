package io.lmcache.backend.s3;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class PrefixLookupTest {
    /** A question that waits for its answer. */
    private record Question(int number, CompletableFuture<Boolean> answer) {}

    private final Deque<Question> open = new ArrayDeque<>();
    private int asked;
    private int most;

    private CompletableFuture<Integer> lookup(int count) {
        return new PrefixLookup(count, number -> {
                    Question question = new Question(number, new CompletableFuture<>());
                    open.add(question);
                    asked++;
                    most = Math.max(most, open.size());
                    return question.answer();
                })
                .run();
    }

    private void answerAll(int present) {
        while (!open.isEmpty()) {
            Question question = open.remove();
            question.answer().complete(question.number() < present);
        }
    }

    @Test
    void aLongPrefixIsAskedForByManyAtATimeWithinABound() {
        CompletableFuture<Integer> found = lookup(512);
        answerAll(512);
        assertThat(found).isCompletedWithValue(512);
        assertThat(asked).isEqualTo(512);
        assertThat(most).isEqualTo(PrefixLookup.MOST);
    }

    @Test
    void anUnknownPromptCostsFewRequests() {
        CompletableFuture<Integer> found = lookup(512);
        answerAll(0);
        assertThat(found).isCompletedWithValue(0);
        assertThat(asked).isLessThan(10);
    }

    @Test
    void theFirstGapCountsInWhateverOrderAnswersCome() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            int present = random.nextInt(130);
            CompletableFuture<Integer> found = lookup(120);
            while (!open.isEmpty()) {
                for (int turns = random.nextInt(open.size()); turns > 0; turns--) {
                    open.add(open.remove());
                }
                Question question = open.remove();
                question.answer().complete(question.number() < present);
            }
            assertThat(found).as("seed %s", seed).isCompletedWithValue(Math.min(120, present));
        }
    }

    @Test
    void aFailureEndsIt() {
        CompletableFuture<Integer> found = lookup(100);
        open.remove().answer().completeExceptionally(new IOException("gone"));
        int before = asked;
        answerAll(100);
        assertThatThrownBy(found::join).hasRootCauseMessage("gone");
        assertThat(asked).isEqualTo(before);
    }
}
