package io.lmcache.api.crc;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class Crc32cCombineTest {
    @Test
    void knownVector() {
        int first = crc("1234".getBytes(StandardCharsets.US_ASCII));
        int second = crc("56789".getBytes(StandardCharsets.US_ASCII));
        assertThat(Crc32cCombine.concat(first, second, 5)).isEqualTo(0xe3069283);
    }

    @RepeatedTest(50)
    void concatIsTheChecksumOfBothInARow() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        byte[] all = new byte[1 + random.nextInt(100_000)];
        random.nextBytes(all);
        int cut = random.nextInt(all.length + 1);
        CRC32C first = new CRC32C();
        first.update(all, 0, cut);
        CRC32C second = new CRC32C();
        second.update(all, cut, all.length - cut);

        assertThat(Crc32cCombine.concat((int) first.getValue(), (int) second.getValue(), all.length - cut))
                .as("seed %d", seed)
                .isEqualTo(crc(all));
    }

    @Test
    void lengthsBeyondAnIntAreShiftedInFull() {
        int crc = 0x12345678;
        int inOneStep = Crc32cCombine.shift(crc, 5L << 30);
        int inTwoSteps = Crc32cCombine.shift(Crc32cCombine.shift(crc, 2L << 30), 3L << 30);
        assertThat(inOneStep).isEqualTo(inTwoSteps);
    }

    private static int crc(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }
}
