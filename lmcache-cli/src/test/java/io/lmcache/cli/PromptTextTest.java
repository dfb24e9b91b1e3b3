package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PromptTextTest {
    @Test
    void aShortTextIsReadWhole() throws Exception {
        assertThat(PromptText.read("t", stream("gr\u00fcn"), 100)).isEqualTo(new PromptText("t", "gr\u00fcn", false));
    }

    @Test
    void aTextOfTheLimitHasNoMore() throws Exception {
        assertThat(PromptText.read("t", stream("abcd"), 4)).isEqualTo(new PromptText("t", "abcd", false));
    }

    @Test
    void anEndlessTextIsReadNoFurtherThanNeeded() throws Exception {
        try (EndlessText endless = new EndlessText()) {
            PromptText text = PromptText.read("t", endless, 10);
            assertThat(text).isEqualTo(new PromptText("t", "a".repeat(10), true));
            assertThat(endless.read).isEqualTo(11);
        }
    }

    @Test
    void aCharacterThatTheLimitCutsIsLeftOut() throws Exception {
        assertThat(PromptText.read("t", stream("abc\u20ac rest"), 5)).isEqualTo(new PromptText("t", "abc", true));
    }

    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }

    private static final class EndlessText extends InputStream {
        private int read;

        @Override
        public int read() {
            read++;
            return 'a';
        }

        @Override
        public int read(byte[] buffer, int offset, int length) {
            Arrays.fill(buffer, offset, offset + length, (byte) 'a');
            read += length;
            return length;
        }
    }
}
