internal import Filters
internal import Synchronization

extension LoadBalancer {
    /// Lets the algorithm choose; gives the endpoint's position.
    ///
    /// - Parameter candidates: with scratch memory for `leastRequests`.
    func choose(of list: EndpointList, among candidates: inout Candidates, _ context: FilterContext) -> Int {
        switch algorithm {
        case .roundRobin:
            candidates.nth(Int(turns.wrappingAdd(1, ordering: .relaxed).oldValue % UInt(candidates.count)))
        case .random:
            candidates.nth(context.services.random(below: candidates.count))
        case .powerOfRandomNChoices:
            chooseOfRandom(list.table, candidates, context.services)
        case .consistentHash:
            chooseByHash(list, candidates, context)
        case .weightedRoundRobin:
            takeTurn(list, candidates, context.services)
        case .leastRequests:
            chooseLeastBusy(list, &candidates, context.services)
        }
    }

    /// Drawn with replacement; of equals the first one stays.
    private func chooseOfRandom(_ table: Table, _ candidates: Candidates, _ services: FilterServices) -> Int {
        var best = candidates.nth(services.random(below: candidates.count))
        for _ in 1..<LoadBalancer.randomChoices {
            let other = candidates.nth(services.random(below: candidates.count))
            if table.requestsInFlight(other) < table.requestsInFlight(best) { best = other }
        }
        return best
    }

    private func chooseByHash(_ list: EndpointList, _ candidates: Candidates, _ context: FilterContext) -> Int {
        guard let ring = list.ring else { preconditionFailure("consistentHash without a ring") }
        let hash = context.settings.consistentHash ?? LoadBalancer.defaultHash(context)
        guard let factor = context.settings.balanceFactor else { return ring.owner(of: hash, among: candidates) { _ in true } }
        var sum = 0
        candidates.forEach { sum += list.table.requestsInFlight($0) }
        let loadMax = factor * Double(sum + 1) / Double(candidates.count)
        return ring.owner(of: hash, among: candidates) { Double(list.table.requestsInFlight($0)) <= loadMax }
    }

    private func takeTurn(_ list: EndpointList, _ candidates: Candidates, _ services: FilterServices) -> Int {
        guard let weights else { preconditionFailure("a weighted algorithm without weights") }
        guard let options = registry.health?.options else { return weights.next(of: list, among: candidates) { _ in 1 } }
        let now = services.now
        return weights.next(of: list, among: candidates) { list.table.weight($0, now, options) }
    }

    private func chooseLeastBusy(_ list: EndpointList, _ candidates: inout Candidates, _ services: FilterServices) -> Int {
        let table = list.table
        if let options = registry.health?.options {
            let now = services.now
            keepLeast(of: &candidates) { Double(table.requestsInFlight($0)) / table.weight($0, now, options) }
        } else {
            keepLeast(of: &candidates) { Double(table.requestsInFlight($0)) }
        }
        return candidates.count == 1 ? candidates.nth(0) : takeTurn(list, candidates, services)
    }

    @inline(__always)
    private func keepLeast(of candidates: inout Candidates, load: (Int) -> Double) {
        var least = candidates.nth(0)
        var leastLoad = Double.infinity
        candidates.forEach { position in
            let load = load(position)
            if load < leastLoad { (least, leastLoad) = (position, load) }
        }
        // Other workers move the figures meanwhile; the one found stays in any case.
        candidates.narrow { $0 == least || load($0) <= leastLoad }
    }
}

extension UnsafeBufferPointer<Unmanaged<Endpoint>> {
    fileprivate func requestsInFlight(_ position: Int) -> Int { self[position]._withUnsafeGuaranteedRef { $0.requestsInFlight } }

    /// 1 for a healthy endpoint; never 0, which would make every load of the endpoint infinite.
    fileprivate func weight(_ position: Int, _ now: UInt64, _ options: PassiveHealth) -> Double {
        Swift.max(1 - self[position]._withUnsafeGuaranteedRef { $0.dropProbability(now: now, options: options) }, 0.001)
    }
}

extension FilterServices {
    /// Uniform in 0..<bound; the bias is below 2^-47 for any number of endpoints.
    fileprivate func random(below bound: Int) -> Int { Int(randomWord().multipliedFullWidth(by: UInt64(bound)).high) }
}
