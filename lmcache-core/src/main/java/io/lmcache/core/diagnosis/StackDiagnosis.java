package io.lmcache.core.diagnosis;

import io.lmcache.api.spi.Finding;
import java.util.List;

/**
 * Whether a stack will work as configured, and what its backends found. Immutable and thread-safe.
 *
 * @param backends the backends of the configured tiers and those that might have been, fastest first
 * @param fileTier which backend serves {@code gds_path}, and why
 */
public record StackDiagnosis(List<BackendDiagnosis> backends, Finding fileTier) {
    /** Copies the list. */
    public StackDiagnosis {
        backends = List.copyOf(backends);
    }

    /** Whether every tier that the configuration asks for works. */
    public boolean works() {
        return !fileTier.keepsFromWorking()
                && backends.stream().filter(BackendDiagnosis::used).allMatch(BackendDiagnosis::works);
    }
}
