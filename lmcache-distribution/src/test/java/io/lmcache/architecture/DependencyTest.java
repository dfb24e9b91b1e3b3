package io.lmcache.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DependencyTest {
    private static final JavaClasses PRODUCT = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.lmcache");

    @Test
    void theApiNeedsTheJdkAndJSpecifyOnly() {
        classes()
                .that()
                .resideInAPackage("io.lmcache.api..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("io.lmcache.api..", "java..", "jdk.jfr..", "org.jspecify..")
                .check(PRODUCT);
    }

    @Test
    void backendsNeverDependOnCore() {
        noClasses()
                .that()
                .resideInAnyPackage("io.lmcache.backend..", "io.lmcache.chunkfiles..", "io.lmcache.cuda..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.core..", "io.lmcache.server..", "io.lmcache.cli..")
                .check(PRODUCT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "posix", "gds", "redis", "s3"})
    void nothingOutsideABackendNamesItsClasses(String backend) {
        String itself = "io.lmcache.backend." + backend + "..";
        noClasses()
                .that()
                .resideOutsideOfPackage(itself)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(itself)
                .check(PRODUCT);
    }

    @Test
    void chunkFilesAreForTheFileTiersAndTheCommandsThatWorkOnDirectories() {
        noClasses()
                .that()
                .resideOutsideOfPackages(
                        "io.lmcache.chunkfiles..",
                        "io.lmcache.backend.posix..",
                        "io.lmcache.backend.gds..",
                        "io.lmcache.cli..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.lmcache.chunkfiles..")
                .check(PRODUCT);
    }

    @Test
    void cudaIsForTheGpuTierAndTheServer() {
        noClasses()
                .that()
                .resideOutsideOfPackages("io.lmcache.cuda..", "io.lmcache.backend.gds..", "io.lmcache.server..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.cuda..", "jcuda..")
                .check(PRODUCT);
    }

    @Test
    void chunkFilesAndCudaKnowNothingOfEachOther() {
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.chunkfiles..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.lmcache.cuda..")
                .check(PRODUCT);
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.cuda..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.lmcache.chunkfiles..")
                .check(PRODUCT);
    }

    @Test
    void theServerKnowsNoCommandLineAndNobodyElseKnowsGrpc() {
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.server..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.cli..", "picocli..")
                .check(PRODUCT);
        noClasses()
                .that()
                .resideOutsideOfPackage("io.lmcache.server..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.grpc..", "com.google.protobuf..")
                .check(PRODUCT);
        // Lettuce hands its buffers and its pipeline out as Netty's.
        noClasses()
                .that()
                .resideOutsideOfPackages("io.lmcache.server..", "io.lmcache.backend.redis..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.netty..")
                .check(PRODUCT);
    }

    @Test
    void coreKnowsNoCommandLine() {
        noClasses()
                .that()
                .resideInAPackage("io.lmcache.core..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.cli..", "picocli..")
                .check(PRODUCT);
    }

    @Test
    void whatCommandsRunKnowsNoCommandLine() {
        noClasses()
                .that()
                .resideInAnyPackage("io.lmcache.cli.demo..", "io.lmcache.cli.bench..", "io.lmcache.cli.process..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.cli", "picocli..")
                .check(PRODUCT);
    }

    @Test
    void theWiringAndTheTiersOfCoreAreItsOwn() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.lmcache.core..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.lmcache.core.wiring..", "io.lmcache.core.storage..")
                .check(PRODUCT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"api", "core", "chunkfiles", "cuda", "backend.gds", "server", "cli"})
    void thePackagesOfAModuleHaveNoCircles(String module) {
        slices().matching("io.lmcache." + module + ".(*)..")
                .should()
                .beFreeOfCycles()
                .check(PRODUCT);
    }
}
