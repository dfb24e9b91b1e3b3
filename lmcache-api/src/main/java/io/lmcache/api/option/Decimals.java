package io.lmcache.api.option;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.OptionalLong;

/** Decimal numbers as people write them, as whole multiples of a small unit. */
final class Decimals {
    private static final BigDecimal MAX = BigDecimal.valueOf(Long.MAX_VALUE);

    private Decimals() {}

    /**
     * The number times the unit, rounded up so that nothing above zero becomes zero, which often means "off"; empty when
     * it is not a number, negative, or too large for a {@code long}.
     */
    static OptionalLong scaled(String number, long unit) {
        try {
            BigDecimal amount = new BigDecimal(number).multiply(BigDecimal.valueOf(unit));
            if (amount.signum() < 0 || amount.compareTo(MAX) > 0) {
                return OptionalLong.empty();
            }
            // Rounding 1e-999999999 would write out a billion digits; comparing does not.
            return OptionalLong.of(
                    amount.compareTo(BigDecimal.ONE) < 0
                            ? amount.signum()
                            : amount.setScale(0, RoundingMode.CEILING).longValueExact());
        } catch (NumberFormatException notANumber) {
            return OptionalLong.empty();
        }
    }
}
