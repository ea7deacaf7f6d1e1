import Config
import Glibc
import TestSupport
import Testing

@Suite("The reference of flags")
struct FlagReferenceTests {
    private static let path = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Sources/fairway/fairway.docc/Flags.md"

    private static let reference = """
        # Flags

        Everything that can be set: on the command line as `-name value` or `-name=value`, booleans as `-name` or `-name=false`, or in the YAML file of
        `-config-file` under the same names. A flag on the command line wins over the file. Several values of a list stand between commas; flags that may be
        repeated add up.

        This page is made from the table that parses them: `UPDATE_REFERENCE=1 swift test --filter FlagReferenceTests` writes it anew.

        \(FlagReference.markdown())
        """

    @Test("the page in the documentation is the table")
    func page() throws {
        if getenv("UPDATE_REFERENCE") != nil {
            let file = try #require(fopen(FlagReferenceTests.path, "w"))
            fputs(FlagReferenceTests.reference, file)
            fclose(file)
        }
        let isUpToDate = contents(of: FlagReferenceTests.path) == FlagReferenceTests.reference
        #expect(isUpToDate, "write it anew: UPDATE_REFERENCE=1 swift test --filter FlagReferenceTests")
    }

    @Test("every flag has a row")
    func rows() {
        let lines = Set(FlagReference.markdown().split(separator: "\n").compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) })
        for flag in FlagTable.flags { #expect(lines.contains(flag.isArgument ? "-\(flag.name)" : flag.name), "\(flag.name)") }
    }
}
