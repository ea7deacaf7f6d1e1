internal import Bytes
internal import Eskip
internal import HTTP
internal import Routing

/// Makes of the routes as their authors wrote them those that are compiled, in the documented order (eskip.md §8):
/// default filters, clones, edits, forward. Works on changed routes only.
struct RouteRewriter {
    private let defaults: DefaultFilters
    private let cloner: Cloner
    private let editor: Editor
    private let forwardAddress: String

    init(_ options: RouteRewritingOptions) throws(DataClientOptionError) {
        var problems: [String] = []
        defaults = DefaultFilters(options, problems: &problems)
        cloner = Cloner(options.cloneRoutes, problems: &problems)
        editor = Editor(options.editRoutes, flag: "edit-route", problems: &problems)
        forwardAddress = options.forwardBackendURL
        do throws(OriginError) {
            if !forwardAddress.isEmpty { _ = try Origin.parse(forwardAddress) }
        } catch {
            problems.append("-forward-backend-url \"\(forwardAddress)\": \(error.reason)")
        }
        if !problems.isEmpty { throw DataClientOptionError(reasons: problems) }
    }

    private var changesNothing: Bool {
        defaults.isEmpty && cloner.isEmpty && editor.isEmpty && forwardAddress.isEmpty
    }

    /// - Parameters:
    ///   - merge: the set after the change; tells which clones must stand back.
    ///   - notes: takes why edits could not be used.
    func rewrite(_ change: RouteChange, of merge: RouteMerge, notes: inout [String]) -> RouteChange {
        if changesNothing { return change }
        var rewritten = RouteChange(deletes: change.deletes, scope: change.scope, groups: change.groups)
        rewritten.upserts.reserveCapacity(change.upserts.count)
        var drafts: [RouteDraft] = []
        for definition in change.upserts {
            // A document has one source and few routes, lest one of them keep many others.
            if drafts.count >= DataClientLimits.routesPerDocumentMax
                || drafts.first.map({ $0.definition.document.sourceName != definition.document.sourceName }) == true {
                write(&drafts, to: &rewritten)
            }
            draft(definition, merge, &drafts, &rewritten, &notes)
        }
        restoreClones(of: change.deletes, merge, &drafts, &rewritten, &notes)
        write(&drafts, to: &rewritten)
        return rewritten
    }

    private func draft(
        _ definition: RouteDefinition, _ merge: RouteMerge, _ drafts: inout [RouteDraft], _ change: inout RouteChange,
        _ notes: inout [String]
    ) {
        var draft = RouteDraft(definition, defaults)
        if !cloner.isEmpty {
            let cloneID = Cloner.cloneID(of: definition.id)
            if cloneID.withBytes({ merge[$0] }) == nil {
                if let clone = cloner.clone(of: draft, notes: &notes) {
                    drafts.append(finished(clone, &notes))
                } else {
                    // The former definition may have had one.
                    change.deletes.append(cloneID)
                }
            }
        }
        draft = finished(draft, &notes)
        drafts.append(draft)
    }

    /// Edits and forwards: what comes after cloning.
    private func finished(_ draft: RouteDraft, _ notes: inout [String]) -> RouteDraft {
        var draft = draft
        if !editor.isEmpty { _ = draft.edit(by: editor, notes: &notes) }
        if !forwardAddress.isEmpty { draft.forward(to: forwardAddress) }
        return draft
    }

    /// A deleted route takes its clone along; if its own id is a clone's, the clone it stood in the way of comes back.
    private func restoreClones(
        of deletes: [String], _ merge: RouteMerge, _ drafts: inout [RouteDraft], _ change: inout RouteChange,
        _ notes: inout [String]
    ) {
        guard !cloner.isEmpty else { return }
        for id in deletes {
            let cloneID = Cloner.cloneID(of: id)
            if cloneID.withBytes({ merge[$0] }) == nil { change.deletes.append(cloneID) }
            guard let original = Cloner.originalID(of: id)?.withBytes({ merge[$0] }) else { continue }
            guard let clone = cloner.clone(of: RouteDraft(original, defaults), notes: &notes) else { continue }
            drafts.append(finished(clone, &notes))
        }
    }

    private func write(_ drafts: inout [RouteDraft], to change: inout RouteChange) {
        guard let first = drafts.first else { return }
        var builder = RouteDocumentBuilder(sourceName: first.definition.document.sourceName)
        for draft in drafts { draft.write(to: &builder) }
        change.upserts += builder.finish()
        drafts.removeAll(keepingCapacity: true)
    }
}
