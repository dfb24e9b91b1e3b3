package io.lmcache.api;

import java.util.Arrays;
import java.util.Optional;

/** The element type of a KV tensor. */
public enum KvDtype {
    HALF("half", "F16", 2),
    BFLOAT16("bfloat16", "BF16", 2),
    FLOAT("float", "F32", 4),
    DOUBLE("double", "F64", 8),
    INT8("int8", "I8", 1),
    UINT8("uint8", "U8", 1),
    INT16("int16", "I16", 2),
    INT32("int32", "I32", 4),
    INT64("int64", "I64", 8),
    BOOL("bool", "BOOL", 1),
    FP8_E4M3FN("fp8_e4m3fn", "F8_E4M3", 1),
    /** Stored as raw bytes: safetensors has no name for it that every reader knows. */
    FP8_E4M3FNUZ("fp8_e4m3fnuz", "U8", 1),
    FP8_E5M2("fp8_e5m2", "F8_E5M2", 1),
    /** Stored as raw bytes: safetensors has no name for it that every reader knows. */
    FP8_E5M2FNUZ("fp8_e5m2fnuz", "U8", 1);

    private final String text;
    private final String safetensorsName;
    private final int bytes;

    KvDtype(String text, String safetensorsName, int bytes) {
        this.text = text;
        this.safetensorsName = safetensorsName;
        this.bytes = bytes;
    }

    /** The name in chunk keys, as LMCache writes it, such as {@code bfloat16}. */
    public String text() {
        return text;
    }

    /** The dtype of the safetensors standard under which elements of this type are written. */
    public String safetensorsName() {
        return safetensorsName;
    }

    /** The size of one element in bytes. */
    public int bytes() {
        return bytes;
    }

    /** The dtype whose {@link #text()} this is; empty when there is none. */
    public static Optional<KvDtype> ofText(String text) {
        return Arrays.stream(values()).filter(dtype -> dtype.text.equals(text)).findFirst();
    }
}
