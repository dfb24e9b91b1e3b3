package io.lmcache.api.option;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.LmcacheException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
    @ParameterizedTest
    @CsvSource({
        "5, 5368709120",
        "0.5, 536870912",
        "1e3, 1073741824000",
        "512 MiB, 536870912",
        "512MB, 536870912",
        "512m, 536870912",
        "1.5 KiB, 1536",
        "2T, 2199023255552",
        "7 B, 7",
        "7b, 7",
        "0, 0",
        "0.0000000001, 1",
        "1e-999999999, 1",
        "8589934591, 9223372035781033984",
    })
    void readsNumbersAndUnits(String text, long bytes) {
        assertThat(ByteSize.parse(text, ByteSize.GIB)).contains(new ByteSize(bytes));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "GB",
                "five",
                "-1",
                "-0.1 MB",
                "NaN",
                "Infinity",
                ".inf",
                "1e400",
                "1e999999999",
                "1e9999999999",
                "8589934592",
                "5 PB",
                "5 iB",
                "0x10",
                "1_000",
                "1,5",
                "5 GB GB"
            })
    void refusesEverythingElse(String text) {
        assertThat(ByteSize.parse(text, ByteSize.GIB)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1, 1 B",
        "1023, 1023 B",
        "1024, 1 KiB",
        "1536, 1536 B",
        "536870912, 512 MiB",
        "5368709120, 5 GiB",
        "1099511627776, 1 TiB",
        "1125899906842624, 1024 TiB",
        "9223372036854775807, 9223372036854775807 B",
    })
    void printsTheLargestExactUnitAndReadsItBack(long bytes, String text) {
        assertThat(new ByteSize(bytes)).hasToString(text);
        assertThat(ByteSize.parse(text, ByteSize.GIB)).contains(new ByteSize(bytes));
    }

    @Test
    void isNeverNegative() {
        assertThatThrownBy(() -> new ByteSize(-1))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining("-1 bytes");
    }
}
