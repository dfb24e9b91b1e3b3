package io.lmcache.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class KvLayoutTest {
    @Test
    void llama8bHas128KibAToken() {
        KvLayout layout = KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128);

        assertThat(layout.bytesPerToken()).isEqualTo(128 << 10);
        assertThat(layout.chunkBytes(256)).isEqualTo(32 << 20);
        assertThat(layout.shape(256)).containsExactly(2, 32, 256, 1024);
        assertThat(layout.fingerprint()).isEqualTo("KV_2LTD-32x8x128");
    }

    @Test
    void latentAttentionHasOneVectorATokenAndLayer() {
        KvLayout layout = KvLayout.mla(KvDtype.FP8_E4M3FN, 61, 576);

        assertThat(layout.bytesPerToken()).isEqualTo(61 * 576);
        assertThat(layout.shape(3)).containsExactly(1, 61, 3, 576);
        assertThat(layout.fingerprint()).isEqualTo("KV_MLA_FMT-61x1x576");
    }

    @Test
    void opaqueRowsAreBytes() {
        KvLayout layout = KvLayout.opaque(12_345);

        assertThat(layout.chunkBytes(1)).isEqualTo(12_345);
        assertThat(layout.shape(1)).containsExactly(1, 1, 1, 12_345);
        assertThat(layout.fingerprint()).isEqualTo("OPAQUE-1x1x12345");
        assertThat(KvLayout.ofFingerprint(KvDtype.UINT8, "OPAQUE-1x1x12345")).contains(layout);
        assertThat(KvLayout.ofFingerprint(KvDtype.INT8, "OPAQUE-1x1x12345")).isEmpty();
        assertThat(KvLayout.ofFingerprint(KvDtype.UINT8, "OPAQUE-2x1x12345")).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(KvDtype.class)
    void fingerprintAndDtypeNameTheLayout(KvDtype dtype) {
        for (KvLayout layout : new KvLayout[] {KvLayout.kv(dtype, 3, 5, 7), KvLayout.mla(dtype, 3, 7)}) {
            assertThat(KvLayout.ofFingerprint(dtype, layout.fingerprint())).contains(layout);
            assertThat(layout.chunkBytes(1))
                    .isEqualTo(layout.shape(1).stream()
                            .reduce(dtype.bytes(), (a, b) -> a * b)
                            .longValue());
        }
        assertThat(KvDtype.ofText(dtype.text())).contains(dtype);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "KV_2LTD",
                "KV_2LTD-1x1",
                "KV_2LTD-1x1x1x1",
                "KV_2LTD-0x1x1",
                "KV_2LTD-01x1x1",
                "KV_2LTD--1x1x1",
                "KV_2LTD-1x1x1 ",
                "KV_T2D-1x1x1",
                "KV_MLA_FMT-1x2x1",
                "KV_2LTD-999999999x999999999x1",
                "KV_2LTD-1000000000x1x1"
            })
    void otherTextsAreNoFingerprints(String text) {
        assertThat(KvLayout.ofFingerprint(KvDtype.HALF, text)).isEmpty();
    }

    @Test
    void largestLayoutsDoNotOverflow() {
        KvLayout layout = KvLayout.kv(KvDtype.INT8, 1, 1, 999_999_999);

        assertThat(layout.hiddenSize()).isEqualTo(999_999_999);
        assertThat(layout.chunkBytes(Integer.MAX_VALUE)).isEqualTo(2L * 999_999_999 * Integer.MAX_VALUE);
    }

    @Test
    void hiddenSizeBeyondAnIntIsRejected() {
        assertInvalid(() -> KvLayout.kv(KvDtype.INT8, 1, 65_536, 32_768));
    }

    @Test
    void dimensionsThatCannotBeAreRejected() {
        assertInvalid(() -> KvLayout.kv(KvDtype.HALF, 0, 1, 1));
        assertInvalid(() -> KvLayout.kv(KvDtype.HALF, 1, -1, 1));
        assertInvalid(() -> KvLayout.kv(KvDtype.HALF, 1, 1, 1_000_000_000));
        assertInvalid(() -> KvLayout.kv(KvDtype.HALF, 999_999_999, 999_999_999, 999_999_999));
        assertInvalid(() -> new KvLayout(KvDtype.HALF, 1, 2, 1, MemoryFormat.KV_MLA_FMT));
    }

    private static void assertInvalid(Runnable call) {
        assertThatThrownBy(call::run)
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
    }
}
