package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The doctor on this machine, which mostly has no GPU; what it says of one is tested where the stand-ins are. */
class DoctorTest {
    @TempDir
    private Path directory;

    @Test
    void aDirectoryThatWorksIsDescribedTriedAndLeftEmpty() {
        Invocation doctor = Invocation.of("doctor", directory.toString());
        assertThat(doctor.status()).as(doctor.out()).isZero();
        assertThat(doctor.out())
                .contains("The configured mode works.")
                .containsPattern("(?m)^Tier cpu$")
                .containsPattern("(?m)^  (ok|note) +file system +" + directory + ": ")
                .containsPattern("(?m)^  ok +page cache +" + directory + ": 64 MiB written at .* GB/s")
                .containsPattern("(?m)^  (ok|note) +locks +" + directory + ": ")
                .containsPattern("(?m)^  (ok|note) +leftovers +" + directory + ": none")
                .containsPattern("(?m)^  (ok|note) +locked memory ")
                .containsPattern("(?m)^  (ok|note) +shared memory +/dev/shm has ")
                .containsPattern("(?m)^  (ok|note) +gds_path +served by tier '(gds|posix)'");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void everyFindingIsInTheJson() throws Exception {
        Invocation doctor =
                Invocation.of("doctor", "--json", directory.resolve("new").toString());
        assertThat(doctor.status()).isZero();
        JsonNode diagnosis = new ObjectMapper().readTree(doctor.out());
        assertThat(diagnosis.path("works").asBoolean()).isTrue();
        assertThat(diagnosis.path("fileTier").path("text").asText()).startsWith("served by tier");
        assertThat(diagnosis.path("backends"))
                .extracting(backend -> backend.path("backend").asText())
                .containsExactly("cpu", "gds", "posix");
        JsonNode finding = diagnosis.path("backends").path(2).path("findings").path(0);
        assertThat(finding.path("topic").asText()).isEqualTo("file system");
        assertThat(finding.path("status").asText()).isIn("OK", "NOTE");
        assertThat(finding.path("text").asText()).startsWith(directory.resolve("new") + ": ");
        assertThat(finding.has("remedy")).isTrue();
        assertThat(diagnosis.path("server").path(0).path("topic").asText()).isEqualTo("shared memory");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void withoutADirectoryTheMachineIsDescribed() {
        Invocation doctor = Invocation.of("doctor");
        assertThat(doctor.status()).as(doctor.out()).isZero();
        assertThat(doctor.out()).contains("not set: there is no file tier by it", "remedy: set gds_path");
    }

    @Test
    void withoutATierItDoesNotWork() {
        Invocation doctor = Invocation.of("doctor", "--set", "local_cpu=false");
        assertThat(doctor.status()).isEqualTo(1);
        assertThat(doctor.out())
                .contains("none is configured, and a stack needs one", "THE CONFIGURED MODE DOES NOT WORK.");
    }

    @Test
    void aFileInTheWayIsStatusOneWithTheRemedy() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "text");
        Invocation doctor = Invocation.of("doctor", file.toString());
        assertThat(doctor.status()).isEqualTo(1);
        assertThat(doctor.out())
                .contains("no tier can serve it: " + file + " is not a directory", "remedy: name another path")
                .contains("THE CONFIGURED MODE DOES NOT WORK.");
        assertThat(doctor.err()).isEmpty();
        assertThat(file).hasContent("text");
    }

    @Test
    void aBlankPathIsBadInput() {
        Invocation doctor = Invocation.of("doctor", " ");
        assertThat(doctor.status()).isEqualTo(2);
        assertThat(doctor.err()).contains("PATH is blank").hasLineCount(1);
    }
}
