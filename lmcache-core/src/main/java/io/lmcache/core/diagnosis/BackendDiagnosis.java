package io.lmcache.core.diagnosis;

import io.lmcache.api.spi.Finding;
import java.util.List;

/**
 * What a backend found out about the place it is to work in. Immutable and thread-safe.
 *
 * @param backend its name
 * @param used whether it is a tier of the stack as configured
 * @param findings what it found, in its order
 */
public record BackendDiagnosis(String backend, boolean used, List<Finding> findings) {
    /** Copies the list. */
    public BackendDiagnosis {
        findings = List.copyOf(findings);
    }

    /** Whether nothing keeps it from working. */
    public boolean works() {
        return findings.stream().noneMatch(Finding::keepsFromWorking);
    }
}
